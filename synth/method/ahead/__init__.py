"""Working ahead: what will probably be needed is made while the engine has room."""
