"""checkpoints.py: where a model is whose folder was moved, or half copied."""

import re

import pytest
import tensorflow.compat.v1 as tf

from attention_zones.weights import checkpoints
from tiny_model import run_squad
from tiny_model import train
import tiny_model


@pytest.fixture(scope="module")
def variables(tmp_path_factory):
  """The prefix of a checkpoint of one variable."""
  path = str(tmp_path_factory.mktemp("variables") / "model.ckpt")
  with tf.Graph().as_default(), tf.Session() as session:
    tf.get_variable("x", initializer=1.0)
    session.run(tf.global_variables_initializer())
    return tf.train.Saver().save(session, path)


@pytest.fixture
def folder(variables, tmp_path):
  """A function that makes a folder with checkpoints and the file `checkpoint`."""
  def make(*names, state=None):
    model = tmp_path / "new" / "model"
    model.mkdir(parents=True)
    for name in names:
      for suffix in (".index", ".data-00000-of-00001"):
        with open(variables + suffix, "rb") as f:
          (model / (name + suffix)).write_bytes(f.read())
    if state is not None:
      (model / "checkpoint").write_bytes(state)
    return model
  return make


def state_of(newest, *others):
  lines = ['model_checkpoint_path: "%s"' % newest] + [
      'all_model_checkpoint_paths: "%s"' % path for path in others]
  return "\n".join(lines).encode("ascii")


CKPTS = ("model.ckpt-9", "model.ckpt-10")


@pytest.mark.parametrize("state, words", [
    # Numbers are no text: 10 is newer than 9.
    (None, "{folder} has no file `checkpoint`; using {folder}/model.ckpt-10"),
    (b"", "{folder}/checkpoint is empty or damaged; using "
          "{folder}/model.ckpt-10"),
    (b"\x00\x9f", "{folder}/checkpoint is empty or damaged; using "
                  "{folder}/model.ckpt-10"),
    (state_of("/old/model.ckpt-10", "/old/model.ckpt-9", "/old/model.ckpt-10"),
     "{folder}/checkpoint names /old/model.ckpt-10, which does not exist; "
     "using {folder}/model.ckpt-10"),
    (state_of("gone/model.ckpt-12"),
     "{folder}/checkpoint names {folder}/gone/model.ckpt-12, which does not "
     "exist; using {folder}/model.ckpt-10"),
])
def test_the_newest_of_the_folder_is_taken(folder, state, words):
  model = folder(*CKPTS, state=state)
  assert checkpoints.newest_whole(str(model)) == (
      str(model / "model.ckpt-10"), [words.format(folder=model)])


def test_what_the_file_names_is_taken_though_another_is_newer(folder):
  model = folder(*CKPTS, state=state_of("/old/model.ckpt-9"))
  path, (remark,) = checkpoints.newest_whole(str(model))
  assert path == str(model / "model.ckpt-9")
  assert remark.endswith("; using %s" % path)


@pytest.mark.parametrize("state", [
    state_of("model.ckpt-10", "model.ckpt-9", "model.ckpt-10"),
    state_of("model.ckpt-10")])
def test_nothing_is_odd(folder, state):
  model = folder(*CKPTS, state=state)
  assert checkpoints.newest_whole(str(model)) == (str(model / "model.ckpt-10"), [])


def test_the_newest_that_is_named_is_not_there(folder):
  model = folder(*CKPTS, state=state_of(
      "model.ckpt-12", "model.ckpt-10", "model.ckpt-12"))
  path, (remark,) = checkpoints.newest_whole(str(model))
  assert path == str(model / "model.ckpt-10")
  assert remark.startswith("checkpoint %s is incomplete (" % (
      model / "model.ckpt-12")) and remark.endswith("; falling back to " + path)


def test_an_empty_folder_is_not_odd(folder):
  for path in (folder(), "nowhere"):
    assert checkpoints.newest_whole(str(path)) == (None, [])


def test_one_that_is_not_whole_is_passed_over(folder):
  model = folder(*CKPTS)
  (model / "model.ckpt-10.data-00000-of-00001").unlink()
  path, remarks = checkpoints.newest_whole(str(model))
  assert path == str(model / "model.ckpt-9")
  assert [remark.partition(" (")[0] for remark in remarks[1:]] == [
      "checkpoint %s is incomplete" % (model / "model.ckpt-10")]
  checkpoints.resume_from(str(model), path)
  assert checkpoints.newest_whole(str(model)) == (path, [])
  assert tf.train.latest_checkpoint(str(model)) == path


@pytest.mark.parametrize("state, words", [
    (b"", 'checkpoint is empty or damaged; copy the checkpoint\'s files, '
          'model.ckpt-N.*, to {folder} and write the line '
          'model_checkpoint_path: "model.ckpt-N" into that file'),
    (state_of("/old/model.ckpt-5"),
     'checkpoint names /old/model.ckpt-5, which does not exist; copy the '
     'checkpoint\'s files, model.ckpt-5.*, to {folder} and write the line '
     'model_checkpoint_path: "model.ckpt-5" into that file'),
])
def test_nothing_is_there(folder, state, words):
  model = folder("bert_model.ckpt", state=state)
  with pytest.raises(ValueError, match=re.escape(
      str(model / words.format(folder=model)))):
    checkpoints.newest_whole(str(model))


def test_another_name_needs_the_file_checkpoint(folder):
  model = folder("bert_model.ckpt")
  with pytest.raises(ValueError) as caught:
    checkpoints.to_predict_with(str(model), None, {}, print, str(model / "bert"))
  assert str(caught.value) == (
      '--output_dir={folder} has no checkpoint to predict with; it has '
      'bert_model.ckpt; if that is fine-tuned, write the line '
      'model_checkpoint_path: "bert_model.ckpt" into {folder}/checkpoint'.format(
          folder=model))


@pytest.mark.thorough
def test_a_moved_model_is_found_again(project):
  model = project / "model"
  (model / "checkpoint").write_bytes(state_of("/old/model.ckpt-6"))
  said = ("run_squad.py: %s/checkpoint names /old/model.ckpt-6, which does "
          "not exist; using %s/model.ckpt-6\n" % (model, model))
  # The paper's decoding names the plain BERT, which need not be there any more.
  result = run_squad(project, "--do_predict=True", "-init_checkpoint=$BERT/no")
  assert result.returncode == 0, result.stderr
  assert said in result.stderr
  assert ("run_squad.py: --init_checkpoint=$BERT/no is not used without "
          "--do_train=True: predictions are made with %s\n" % (
              model / "model.ckpt-6")) in result.stderr
  result = train(project)
  assert result.returncode == 0 and said in result.stderr, result.stderr
  assert "nothing to train: %s already" % (model / "model.ckpt-6") in result.stderr
  # A training would restore what TensorFlow takes for the newest.
  assert checkpoints.newest_whole(str(model)) == (str(model / "model.ckpt-6"), [])
  assert tf.train.latest_checkpoint(str(model)) == str(model / "model.ckpt-6")


def test_what_is_not_used_refuses_nothing_on_a_tpu(tmp_path):
  tiny_model.write_files(tmp_path)
  flags = ("--use_tpu=True", "--tpu_name=t", "--output_dir=gs://b/o",
           "--init_checkpoint=%s" % (tmp_path / "bert_model.ckpt"),
           "--predict_batch_size=12", "--train_batch_size=8")
  for task, word in (("--do_predict=True", "--predict_batch_size=12"),
                     ("--do_train=True", "--init_checkpoint")):
    result = run_squad(tmp_path, task, *flags)
    assert len(result.stderr.splitlines()) == 1 and word in result.stderr


@pytest.mark.slow
def test_a_fine_tuned_init_checkpoint_is_decoded(project):
  """The same bytes as from --output_dir, and a log line that says whence."""
  files = ("predictions.json", "predictions_layer1_p2.json")
  flags = ("--do_predict=True", "--mask_layer=1", "--mask_zone=p2")
  result = run_squad(project, *flags)
  assert result.returncode == 0, result.stderr
  init, empty = project / "model" / "model.ckpt-6", project / "empty"
  result = run_squad(project, *flags, "--init_checkpoint=%s" % init,
                     "--output_dir=%s" % empty)
  assert result.returncode == 0, result.stderr
  assert ("run_squad.py: predictions are made with --init_checkpoint=%s, which has "
          "an answer head; %s has none\n" % (init, empty)) in result.stderr
  for name in files:
    assert (empty / name).read_bytes() == (project / "model" / name).read_bytes()


def test_an_init_checkpoint_without_a_head_is_not_decoded(project):
  path = plain_encoder(project / "model" / "model.ckpt-6", project / "plain")
  for init, words in (
      (path, "checkpoint %s has no answer head (cls/squad/output_bias); train one "
       "first, with --do_train=True" % path),
      ("nothing", "there is no checkpoint nothing"),
      (project / "model", "{0} is a folder; should be a checkpoint in it: {0}/"
       "model.ckpt-6\n".format(project / "model"))):
    result = run_squad(
        project, "--do_predict=True", "--output_dir=%s" % (project / "empty"),
        "--init_checkpoint=%s" % init)
    assert result.returncode == 1
    assert result.stderr.startswith(
        "run_squad.py: --output_dir=%s has no checkpoint to predict with, and "
        "--init_checkpoint cannot be decoded: %s" % (project / "empty", words))
    assert len(result.stderr.splitlines()) == 1
    assert not (project / "empty").exists()


@pytest.mark.parametrize("names, expected", [
    ((), "%s is a folder without a checkpoint"),
    (("bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"),
     "%s is a folder; should be a checkpoint in it: %s/bert_model.ckpt"),
    # In the order of their steps, and the training's own last.
    (("model.ckpt-9.index", "model.ckpt-10.index", "z.ckpt.index"),
     "%s is a folder; should be a checkpoint in it: %s/model.ckpt-10"),
])
@pytest.mark.parametrize("head_is_wanted", [False, True])
def test_a_folder_is_no_checkpoint(tmp_path, names, expected, head_is_wanted):
  """TensorFlow reads the folder of a training; its digest would be of nothing."""
  for name in names + ("checkpoint",):
    (tmp_path / name).write_text('model_checkpoint_path: "model.ckpt-10"')
  with pytest.raises(ValueError) as error:
    checkpoints.check(str(tmp_path), {}, head_is_wanted)
  assert str(error.value) == expected.replace("%s", str(tmp_path))


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 9\n"
LFS = ("is a pointer of Git LFS in place of the file; fetch the file with git lfs "
       "pull")


@pytest.mark.parametrize("suffix", [".index", ".data-00000-of-00001"])
def test_a_pointer_of_git_lfs_in_a_checkpoint(suffix, folder):
  model = folder("bert_model.ckpt", "model.ckpt-9")
  for name in ("bert_model.ckpt", "model.ckpt-9"):
    (model / (name + suffix)).write_bytes(POINTER)
  with pytest.raises(ValueError) as error:
    checkpoints.check(str(model / "bert_model.ckpt"), {}, False)
  assert str(error.value) == "checkpoint {0} cannot be read: {0}{1} {2}".format(
      model / "bert_model.ckpt", suffix, LFS)
  with pytest.raises(ValueError) as error:
    checkpoints.newest_whole(str(model))
  assert str(error.value).endswith("{0}: {0}{1} {2}".format(
      model / "model.ckpt-9", suffix, LFS))


def test_a_pointer_of_git_lfs_in_place_of_the_file_checkpoint(folder):
  model = folder(*CKPTS, state=POINTER)
  assert checkpoints.newest_whole(str(model))[1] == [
      "{0}/checkpoint {1}; using {0}/{2}".format(model, LFS, CKPTS[1])]


@pytest.mark.parametrize("head_is_wanted", [False, True])
def test_a_checkpoint_of_tf_train_checkpoint(head_is_wanted, tmp_path):
  with tf.Graph().as_default(), tf.Session() as session:
    kernel = tf.get_variable("kernel", initializer=[1.0])
    session.run(kernel.initializer)
    layer = tf.train.Checkpoint(kernel=kernel)
    path = tf.train.Checkpoint(layer=layer).write(
        str(tmp_path / "bert_model.ckpt"), session=session)
  name = "bert/embeddings/word_embeddings"
  with pytest.raises(ValueError) as error:
    checkpoints.check(path, {name: [1]}, head_is_wanted)
  assert str(error.value) == (
      "checkpoint %s lacks %d of the %d variables of the model in "
      "bert_config.json, for example %s; it was written by tf.train.Checkpoint of "
      "TensorFlow 2: take the model's release for TensorFlow 1, or the one of "
      "Hugging Face through attention_zones.convert_hf "
      "(layer/kernel/.ATTRIBUTES/VARIABLE_VALUE)" % (
          path, 1 + head_is_wanted, 1 + head_is_wanted, name))


def plain_encoder(source, folder):
  """Copies the variables of BERT, without head and step: the new prefix, str."""
  reader = tf.train.load_checkpoint(str(source))
  with tf.Graph().as_default(), tf.Session() as session:
    for name in reader.get_variable_to_shape_map():
      if name.startswith("bert/") and "adam" not in name:
        tf.get_variable(name, initializer=reader.get_tensor(name))
    session.run(tf.global_variables_initializer())
    return tf.train.Saver().save(session, str(folder))
