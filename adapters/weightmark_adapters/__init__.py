"""Where Weightmark calls a platform: each adapter turns one platform's API into the Registry port."""
