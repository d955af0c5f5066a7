"""What plugs into a stack."""
