"""What one key may still use: quota windows as data and rules. Pure."""
