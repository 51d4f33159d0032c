"""What is for sale: products with options and variants, prices with their history, pictures.

Promise: a variant always has a price in the shop's currency and every price it had stays on record; a picture
that is served was decoded and encoded by us and carries nothing but pixels.
"""
