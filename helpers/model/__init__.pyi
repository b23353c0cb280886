from . import jumpstart as jumpstart
from .jumpstart import known as known
from .jumpstart import look_up as look_up
from .model_view import ModelView as ModelView
from .model_view import describe_model as describe_model
from .repackage import PackagedModel as PackagedModel
from .repackage import package as package
from .sizes import size as size
