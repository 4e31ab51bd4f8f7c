"""What the programs agree on: messages, service credentials, RUTs and the shape of errors."""
