"""What AWS's CloudFormation says and MiniStack's does not.

:class:`~localcloud.ministack.cloudformation.requests.Requests` refuses what AWS refuses before anything happens,
:class:`~localcloud.ministack.cloudformation.resources.Resources` what fails a resource,
:class:`~localcloud.ministack.cloudformation.operations.Operations` keeps what a stack and its events have to remember,
and :class:`~localcloud.ministack.cloudformation.answers.Answers` says it in AWS's shape.
"""
