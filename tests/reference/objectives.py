"""Losses and metrics of supervised learning, a row at a time, with the numbers of Python."""

import math
from fractions import Fraction


def cross_entropy(outputs, labels):
    """Return the mean of -log(softmax(outputs)[label]) [nats]."""
    losses = []
    for row, label in zip(outputs.tolist(), labels.tolist(), strict=True):
        largest = max(row)
        losses.append(largest - row[label] + math.log(math.fsum(math.exp(x - largest) for x in row)))
    return math.fsum(losses) / len(losses)


def mean_squared_error(outputs, targets):
    """Return the mean of the squared differences, rounded once."""
    pairs = [
        (Fraction(output), Fraction(target))
        for output_row, target_row in zip(outputs.tolist(), targets.tolist(), strict=True)
        for output, target in zip(output_row, target_row, strict=True)
    ]
    return float(sum((output - target) ** 2 for output, target in pairs) / len(pairs))


def predicted(outputs):
    """Return the index of each row's largest output, the first of equals."""
    return [row.index(max(row)) for row in outputs.tolist()]


def accuracy(outputs, labels):
    """Return the share of rows that are told right."""
    told = predicted(outputs)
    return sum(one == other for one, other in zip(told, labels.tolist(), strict=True)) / len(told)


def f1(outputs, labels):
    """Return the F1 score of class 1 of two, else the mean over the classes, from precision and recall."""
    told, actual = predicted(outputs), labels.tolist()
    scores = []
    for each in range(outputs.shape[1]):
        right = sum(t == a == each for t, a in zip(told, actual, strict=True))
        precision = Fraction(right, told.count(each)) if each in told else Fraction(0)
        recall = Fraction(right, actual.count(each)) if each in actual else Fraction(0)
        scores.append(2 * precision * recall / (precision + recall) if right else Fraction(0))
    return float(scores[1] if len(scores) == 2 else sum(scores) / len(scores))


def labels_of(one_hot):
    """Return where each row has its 1."""
    return [row.index(1) for row in one_hot.tolist()]
