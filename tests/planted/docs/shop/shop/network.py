def check_login():
    pass
