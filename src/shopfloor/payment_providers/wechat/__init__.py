"""WeChat Pay, version 3 of its interface: JSAPI, H5 and Native (QR) payments of a direct merchant.

Promise: nothing is believed that WeChat Pay did not sign; amounts are fen; an answer that is no answer is asked for
again, never guessed.  Written from the provider's documents; not yet tried against the live provider.
"""
