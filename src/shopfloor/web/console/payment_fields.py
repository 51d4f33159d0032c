"""What the fields of payment accounts are called, what may be chosen in them, and what can be wrong with them."""

from typing import Final

from shopfloor.web.languages import N_

# Each field as (label, hint), by the name that the provider's adapter gives it.
ALIPAY: Final = {
    "app_id": (N_("App ID"), N_("16 digits, on the page of your application.")),
    "seller_id": (
        N_("Seller ID (PID)"),
        N_("16 digits that begin with 2088: the number of your merchant account."),
    ),
    "app_private_key": (
        N_("App private key"),
        N_("From Alipay's key tool, with or without the BEGIN and END lines."),
    ),
    "alipay_public_key": (
        N_("Alipay public key"),
        N_("Alipay shows it after you upload your own. Leave it empty if you use certificates."),
    ),
    "app_certificate": (
        N_("App certificate"),
        N_("Only if you use certificates: the content of appCertPublicKey_….crt."),
    ),
    "alipay_certificate": (N_("Alipay certificate"), N_("The content of alipayCertPublicKey_RSA2.crt.")),
    "alipay_root_certificate": (N_("Alipay root certificate"), N_("The content of alipayRootCert.crt.")),
    "desktop": (N_("On a computer"), N_("A code needs the product “face-to-face payment”.")),
}
WECHAT: Final = {
    "mchid": (N_("Merchant number"), N_("8 to 10 digits.")),
    "appid": (N_("AppID"), N_("Begins with wx: the account that is bound to your merchant number.")),
    "api_certificate": (N_("API certificate"), N_("The content of apiclient_cert.pem.")),
    "api_private_key": (N_("API private key"), N_("The content of apiclient_key.pem.")),
    "api_v3_key": (N_("APIv3 key"), N_("The 32 characters that you set under API security.")),
    "public_key_id": (N_("WeChat Pay public key ID"), N_("Begins with PUB_KEY_ID_.")),
    "public_key": (N_("WeChat Pay public key"), N_("Under API security, beside its ID.")),
    "platform_certificates": (
        N_("Platform certificates"),
        N_("Only for accounts without a public key. Leave it empty and they are fetched."),
    ),
    "app_secret": (
        N_("App secret"),
        N_("Of the official account, for paying inside WeChat. Without it buyers there are shown a code."),
    ),
    "h5": (N_("In a phone's browser"), N_("WeChat's page needs the product H5.")),
}
# Fields in which one of a few is chosen; the first is taken where nothing was.
CHOICES: Final = {
    "desktop": (("page", N_("Alipay's page")), ("qr", N_("A code on your shop's page"))),
    "h5": (("no", N_("A code on your shop's page")), ("yes", N_("WeChat's page"))),
}
ERRORS: Final = {
    "not_16_digits": N_("Enter the 16 digits."),
    "not_8_to_10_digits": N_("Enter the 8 to 10 digits."),
    "not_an_appid": N_("Enter the 18 characters that begin with wx."),
    "not_32_characters": N_("The key has exactly 32 characters."),
    "not_a_key_id": N_("Enter the ID that begins with PUB_KEY_ID_."),
    "own_public_key": N_("This is your own public key. Copy Alipay's, which is shown beside it."),
    "key_unreadable": N_("This can't be read. Paste the whole file, from BEGIN to END."),
    "is_private_key": N_("This is a private key. Something else belongs here."),
    "is_public_key": N_("This is a public key. Something else belongs here."),
    "is_certificate": N_("This is a certificate. A key belongs here."),
    "key_not_rsa": N_("This key is of another kind. RSA is needed."),
    "key_encrypted": N_("This key is protected by a password. Export it without one."),
    "key_too_short": N_("This key is too short. 2048 bits are needed."),
    "keys_differ": N_("This certificate belongs to another private key."),
}
