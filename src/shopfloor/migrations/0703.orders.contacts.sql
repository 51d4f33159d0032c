-- A contact as it is compared (`checkout_form.contact_keys`), for orders that nobody has paid anything for.
CREATE FUNCTION orders.mail_key(mail text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN mail = '' THEN '' ELSE regexp_replace(lower(mail), '(\+[^@]*)?@', '@') END
$$;
CREATE FUNCTION orders.phone_key(phone text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT right(regexp_replace(phone, '[^0-9]', '', 'g'), 9)
$$;
