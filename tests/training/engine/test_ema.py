import torch
from torch import nn

from pgtrain.engine.ema import averaged


def test_short_run_forgets_its_start_and_a_long_one_decays_as_asked() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = averaged(network, 0.9)
    average.update_parameters(network)  # the first update copies
    nn.init.ones_(network.weight)
    for _ in range(20):
        average.update_parameters(network)
    short = average.module.weight.item()
    assert short > 0.95, "plain averaging by 0.9 stands at 0.88"
    for _ in range(500):
        average.update_parameters(network)
    nn.init.zeros_(network.weight)
    average.update_parameters(network)
    assert abs(average.module.weight.item() - 0.9) < 1e-4


def test_buffers_are_averaged_and_counters_copied() -> None:
    norm = nn.BatchNorm1d(2)
    average = averaged(norm, 0.5)
    for step in range(4):
        norm(torch.randn(8, 2) + step)
        average.update_parameters(norm)
    assert average.module.num_batches_tracked == 4
    assert not torch.equal(average.module.running_mean, norm.running_mean)


def test_average_without_decay_is_the_network() -> None:
    network = nn.Linear(2, 2)
    average = averaged(network, 0.0)
    for _ in range(3):
        nn.init.normal_(network.weight)
        average.update_parameters(network)
    assert torch.equal(average.module.weight, network.weight)
