"""Alipay: page, wap and QR payments (Open Platform, gateway version 1.0, sign type RSA2).

Promise: nothing is believed that Alipay did not sign; amounts are exact; an answer that is no answer is asked for
again, never guessed.  Written from the provider's documents; not yet tried against the live provider.
"""
