"""Training: gradient descent on networks of finite width, and what the kernel predicts of it.

``network`` holds the parameters, ``descent`` moves them, ``train`` records; ``lanczos`` and ``measure`` turn a Gram
operator and a residual into a predicted loss with bounds, ``predict`` asks for it.
"""
