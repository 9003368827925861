from splitmask.compat.sam2.base import SAM2Base
class SAM2VideoPredictor(SAM2Base):
    pass
