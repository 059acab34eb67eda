"""Which features a model reads together. A model names its service, and is told when the service changes."""

from feast import FeatureService

from feature_repo import views  # the module: Feast takes each view it finds by name in a file for one more of that name

tutor = FeatureService(
    name="tutor",
    features=[views.student_skill_vector, views.learning_path_vector, views.engagement_vector],
    description="What the AI tutor knows of a student and a skill when it answers.",
)
