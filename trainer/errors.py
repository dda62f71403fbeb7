"""The one exception for input that a user can mend.

The command line turns it into one line and exit status 2; in Python it is a `ValueError`. Everything else that is
raised is a defect of the program and keeps its traceback.
"""


class InputError(ValueError):
    """A value, file or table given by the user cannot be used.

    The message is one line: what was given, where, and what is accepted.
    """
