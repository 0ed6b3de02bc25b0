"""Wire format: the bytes of envelopes and attempts."""
