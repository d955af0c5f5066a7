"""What a work promises: order within, freedom between, and nothing left behind."""
