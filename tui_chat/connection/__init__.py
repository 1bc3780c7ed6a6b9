"""One WebSocket at a time: dialling, session, liveness, backoff, and the loop around them."""
