"""Real things on loopback: the stand-in of DSS, the proxies in front of it, the browser before them."""
