"""The licences for which Weightmark has rules, by family."""
