"""An organisation's policy: rules that take away and never give."""
