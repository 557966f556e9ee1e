"""PyTorch and transformers for bench_peers.py, which starts this.

Masked decodes are written from the formulas of the paper, as a user of PyTorch
would write them: -10000 is added to the attention logits of one layer. Windows go
through one by one, without padding, so that the other layers need no mask.
"""

import contextlib
import json
import os
import sys

import numpy as np
import torch
import transformers

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))

from attention_zones.base import machine
from attention_zones.weights import hf_names
import peers_inputs


def make_model(size):
  """Makes a transformers.BertForQuestionAnswering with the benchmark's weights."""
  config = peers_inputs.config(size)
  model = transformers.BertForQuestionAnswering(transformers.BertConfig(
      hidden_act="gelu_pytorch_tanh", layer_norm_eps=1e-12,
      attn_implementation="sdpa", **config))
  values = {}
  for variable in hf_names.variables("bert", config, with_head=True):
    value = peers_inputs.weight(variable.google, variable.shape)
    values[variable.hf] = torch.from_numpy(np.ascontiguousarray(
        value.T if variable.transposed else value))
  missing, unknown = model.load_state_dict(values, strict=False)
  assert not missing and not unknown, (missing, unknown)
  return model


def zone_mask(zone, window):
  """What a zone adds to a window's attention logits: float32 [1, 1, S, S].

  Args:
    zone: str, "q2", "q2p", "p2q" or "p2".
    window: peers_inputs.Window.
  """
  position = torch.arange(len(window.ids))
  first = window.question_length + 2  # of the passage
  question = (position >= 1) & (position < first - 1)
  passage = (position >= first) & (position < len(window.ids) - 1)
  rows, columns = {"q2": (question, question), "q2p": (~passage, passage),
                   "p2q": (~question, question), "p2": (passage, passage)}[zone]
  return -10000.0 * (rows[:, None] & columns).to(torch.float32)[None, None]


def embed(model, window):
  """The input of the first layer: float32 [1, S, H]."""
  second = peers_inputs.segments(window, len(window.ids))[1]
  return model.bert.embeddings(
      input_ids=torch.from_numpy(window.ids[None]).long(),
      token_type_ids=torch.from_numpy(second[None]).long())


def run_layer(model, index, hidden, mask=None):
  """One layer: [V, S, H] to [V, S, H]; the mask is None or [V, 1, S, S]."""
  return model.bert.encoder.layer[index](hidden, attention_mask=mask)[0]


def single_decodes(model, window, zones):
  """The logits of all decodes, each from the first layer on.

  Returns:
    list of [1, S, 2]: the baseline, then layer by layer.
  """
  masks = {zone: zone_mask(zone, window) for zone in zones}
  layers = range(len(model.bert.encoder.layer))

  def decode(masked, mask):
    hidden = embed(model, window)
    for index in layers:
      hidden = run_layer(model, index, hidden, mask if index == masked else None)
    return model.qa_outputs(hidden)
  return [decode(None, None)] + [
      decode(layer, masks[zone]) for layer in layers for zone in zones]


def shared_trunk(model, window, zones):
  """As single_decodes, but what lies below a masked layer is computed once.

  The baseline is the first of a stack, which gets a fork for each zone in each
  layer: of layer L and zone z, L * len(zones) + z + 1.
  """
  masks = torch.cat([zone_mask(zone, window) for zone in zones])  # [Z, 1, S, S]
  stack = embed(model, window)  # [V, S, H]
  for index in range(len(model.bert.encoder.layer)):
    baseline = stack[:1].expand(len(zones), -1, -1)
    stack = torch.cat([run_layer(model, index, stack),
                       run_layer(model, index, baseline, masks)])
  return list(model.qa_outputs(stack).split(1))


def precise(name):
  """The context in which a model computes: float32, or bfloat16 by autocast."""
  if name == "bfloat16":
    return torch.autocast("cpu", torch.bfloat16)
  return contextlib.nullcontext()


def train_step(model, optimizer, some):
  """One step of AdamW on a batch, list of Window, padded to its longest."""
  features = {name: torch.from_numpy(value).long()
              for name, value in peers_inputs.batch(some, 1).items()}
  position = torch.from_numpy(peers_inputs.answer(some)).long()
  optimizer.zero_grad()
  model(input_ids=features["input_ids"], attention_mask=features["input_mask"],
        token_type_ids=features["segment_ids"], start_positions=position,
        end_positions=position).loss.backward()
  torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
  optimizer.step()


def main():
  settings = json.loads(sys.argv[1])
  torch.set_num_threads(machine.cores())
  zones = settings["zones"]
  timed = peers_inputs.windows(settings["windows"])
  model = make_model(settings["size"]).eval()
  ways = {"single": single_decodes, "shared": shared_trunk}

  def all_seconds(way, precision, some):
    def work(window):
      with torch.no_grad(), precise(precision):
        ways[way](model, window, zones)
    return peers_inputs.seconds(work, some)

  def save_logits(way, precision):
    path = settings["logits"] % ("torch-%s-%s" % (way, precision))
    with torch.no_grad(), precise(precision):
      logits = torch.cat(ways[way](model, timed[0], zones))  # [V, S, 2]
    np.save(path, logits.float().numpy().transpose(0, 2, 1))
    return path

  actions = {}
  for way in ways:
    for precision in settings["precisions"]:
      all_seconds(way, precision, timed[:2])
      of = way, precision
      actions["%s %s" % of] = lambda of=of: all_seconds(*of, some=timed)
      actions["%s %s logits" % of] = lambda of=of: save_logits(*of)
  if settings["training_batches"]:
    # A copy, since the first is compared.
    trained = make_model(settings["size"]).train()
    optimizer = torch.optim.AdamW(
        trained.parameters(), 1e-5, weight_decay=0.01, fused=True)
    step = lambda some: train_step(trained, optimizer, some)
    batches = peers_inputs.training_batches(settings["training_batches"])
    step(batches[0])
    actions["train"] = lambda: peers_inputs.seconds(step, batches)
  peers_inputs.serve(actions, torch.__version__)


if __name__ == "__main__":
  main()
