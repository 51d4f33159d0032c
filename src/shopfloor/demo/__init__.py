"""A demo shop with a real show: three trades, a camera, a simulated audience, a supplier.

Everything goes over the same interfaces a real shop uses: RTMP with a stream key, the pages, the room socket,
the supplier's page.  Only the people are made up.
"""
