"""The model zoo: every model is two towers."""
