"""How a text is read."""

from typing import Annotated

from pydantic import Field, TypeAdapter

from recsys.models.text.average import AverageTextConfig
from recsys.models.text.convolution import ConvolutionalTextConfig
from recsys.models.text.recurrent import RecurrentTextConfig

# A new reader is one file in this folder and one entry here. It gets the word
# vectors, zero where there is no word, and which words are there, and gives the
# zero vector for a text without words, as any missing value does.
TextConfig = Annotated[
    AverageTextConfig | ConvolutionalTextConfig | RecurrentTextConfig, Field(discriminator="kind")
]
text_config: TypeAdapter[TextConfig] = TypeAdapter(TextConfig)
