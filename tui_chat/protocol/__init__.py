"""What crosses the wire: frames, HTTP bodies, URLs and times, and the codec for them."""
