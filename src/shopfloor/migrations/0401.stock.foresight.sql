-- What was decided ahead stands only if what it rests on is so; otherwise nothing of the statement does.
CREATE FUNCTION stock.expect(is_so boolean) RETURNS boolean
LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    IF is_so IS NOT TRUE THEN
        RAISE EXCEPTION 'the shelves are not as they were believed to be' USING ERRCODE = 'serialization_failure';
    END IF;
    RETURN true;
END
$$;
