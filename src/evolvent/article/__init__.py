"""The two classes of the blog article that Evolvent began from, on its engine and put right.

The calls of the article run as they are written there. What is different, and why, stands in the documentation under
"The article, then and now".

References:
    Gursky 2019, Gradient-free reinforcement learning: neuroevolution using NumPy.
    https://towardsdatascience.com/gradient-free-reinforcement-learning-neuroevolution-using-numpy-7377d6f6c3ea
"""

from evolvent.article.functions import one_hot, relu, softmax
from evolvent.article.genetic_networks import GeneticNetworks
from evolvent.article.neural_net import NeuralNet

__all__ = ["GeneticNetworks", "NeuralNet", "one_hot", "relu", "softmax"]
