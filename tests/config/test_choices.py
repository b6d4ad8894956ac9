"""The names that options choose from are those that the tables elsewhere have: config comes before all of them."""

from animi.core.config import choices
from animi.core.engines.opening import open_engine
from animi.core.media.codecs import CODECS
from animi.core.reports.evaluation import MEASURES
from animi.models import discriminators, latent_inbetweener
from animi.models.blocks import BN_INITS


def test_every_choice_has_its_row():
    assert tuple(CODECS) == choices.CODECS
    assert set(choices.METRICS) - {"features"} == {measure.name for measure in MEASURES} - {"lpips-vgg"}
    assert choices.BETWEEN == latent_inbetweener.BETWEEN
    assert tuple(BN_INITS) == choices.BN_INITS
    assert choices.TRAINED_SIZES == discriminators.SIZES


def test_every_engine_opens_by_its_name():
    for name in choices.ENGINES:
        assert open_engine(name, device="cpu").name == name
