"""Export the diagnosis of many URLs to Prometheus, and reach nothing but these."""
