"""Run a stand-in for DSS, proxies, and a browser on loopback."""
