"""What actions and results are called; a test fails for an action that is recorded somewhere and has no name here."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["ACTIONS", "RESULT_WORDS", "action_words"]

Words = tuple[str, str]

RESULT_WORDS: Mapping[str, Words] = {"ok": ("成功", "done"), "refused": ("被拒绝", "refused"), "failed": ("失败", "failed")}

ACTIONS: Mapping[str, Words] = {
    "login": ("登录", "log-in"),
    "login.first": ("口令正确，待动态口令", "password right, code to come"),
    "login.second": ("动态口令验证", "second factor"),
    "logout": ("退出", "log-out"),
    "session.revoke": ("结束会话", "session ended"),
    "denied": ("越权访问被拒", "access denied"),
    "account.add": ("添加账户", "account added"),
    "account.change": ("修改账户", "account changed"),
    "account.disable": ("停用账户", "account disabled"),
    "account.enable": ("启用账户", "account enabled"),
    "account.sessions": ("结束账户的全部会话", "all sessions of an account ended"),
    "account.factor.reset": ("重置动态口令", "second factor reset"),
    "account.identity.allow": ("允许关联外部身份", "outside identity allowed"),
    "account.identity.link": ("关联外部身份", "outside identity linked"),
    "account.identity.remove": ("解除外部身份", "outside identity removed"),
    "account.password": ("修改口令", "password changed"),
    "role.add": ("授予角色", "role given"),
    "role.remove": ("取消角色", "role taken"),
    "key.add": ("生成接口密钥", "API key made"),
    "key.revoke": ("撤销接口密钥", "API key revoked"),
    "organisation.add": ("添加机构", "organisation added"),
    "organisation.change": ("修改机构", "organisation changed"),
    "right.grant": ("授予角色", "role given"),
    "right.revoke": ("取消角色", "role taken"),
    "right.publish": ("发布权限规则", "rules published"),
    "field.unmask": ("查看脱敏字段", "field unmasked"),
    "edit": ("修改数据", "data edited"),
    "import": ("导入数据", "import"),
    "export": ("导出数据", "export"),
    "job.add": ("提交任务", "job submitted"),
    "job.end": ("任务由系统结束", "job ended by the house"),
    "job.cancel": ("取消任务", "job cancelled"),
    "city.add": ("添加城市", "city added"),
    "city.remove": ("删除城市", "city removed"),
    "dump": ("备份", "dump"),
    "restore": ("恢复备份", "restore"),
    "audit.export": ("导出审计", "audit exported"),
    "audit.verify": ("校验审计", "audit verified"),
    "audit.prune": ("清理到期审计", "old audit rows removed"),
}


def action_words(action: str) -> Words:
    """Returns the names of an action (Chinese, English); one that is not known keeps its own.

    >>> action_words("login"), action_words("new.thing")
    (('登录', 'log-in'), ('new.thing', 'new.thing'))
    """
    return ACTIONS.get(action, (action, action))
