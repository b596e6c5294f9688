"""Which activation trains fast on these points, and did the kernel say so before?

    python examples/training.py

Ten points of the half circle, labels +-1, a hidden layer of 5,000 neurons: gradient descent beside its linearised prediction.
"""

import numpy as np

import mehler as mh

X = mh.generate("circle-half", n=10, d=2)
y = np.sign(np.random.default_rng(1).standard_normal(10))

for activation in ("relu", "elu", "tanh"):
    run = mh.train(X, y, activation, width=5_000, steps=300, record=[0, 10, 100, 300], rng=0)
    print(run)
    print("the kernel predicts", run.prediction.iterations(0.5), end="\n\n")

# a deep network, trained whole, by its kernel alone: no neuron is drawn
for depth in (1, 4):
    ahead = mh.predict_training(X, y, "tanh", steps=10_000, kernel="ntk", depth=depth)
    print(f"depth {depth}: {ahead.iterations(0.05)}")
