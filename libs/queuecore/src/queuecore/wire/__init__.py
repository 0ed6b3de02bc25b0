"""What crosses a process boundary: the bytes of envelopes and attempts."""
