"""Which features a model reads together. A model names its service, and is told when the service changes."""

from feast import FeatureService

from feature_repo.views import engagement_vector, student_skill_vector

tutor = FeatureService(
    name="tutor",
    features=[student_skill_vector, engagement_vector],
    description="What the AI tutor knows of a student and a skill when it answers.",
)
