"""SageMaker's clients ask Weightmark before they register, approve or deploy a model.

``WEIGHTMARK_HOOKS=sagemaker`` guards every process that uses boto3 or the SageMaker SDK; in a program,
``weightmark_hooks.sagemaker.protect()`` does. The check runs in the caller's process, so it holds those who
mean well; to hold everybody, let AWS give the right to approve to Weightmark's role only (``scp.json``).
"""

from weightmark_hooks.sagemaker.install import protect, unprotect

__all__ = ["protect", "unprotect"]
