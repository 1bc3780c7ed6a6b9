"""HTTP calls other than tickets."""
