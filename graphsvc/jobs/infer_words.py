"""Names that columns of other people's tables have, by what they are; lower case, with underscores."""

from __future__ import annotations

ACCOUNT = (
    "account_id",
    "account",
    "user_id",
    "user",
    "userid",
    "uid",
    "customer_id",
    "customer",
    "client_id",
    "member_id",
)
SOURCE = (
    "source",
    "sender",
    "from",
    "payer",
    "src",
    "from_account",
    "sender_id",
    "source_id",
    "rater",
    "originator",
    "nameorig",
)
TARGET = (
    "target",
    "receiver",
    "to",
    "payee",
    "dst",
    "to_account",
    "receiver_id",
    "target_id",
    "ratee",
    "beneficiary",
    "namedest",
)
TIME = (
    "occurred_at",
    "timestamp",
    "event_time",
    "happened_at",
    "created_at",
    "datetime",
    "time",
    "ts",
    "date",
    "booked",
)
DECIDED = ("decided_at", "decided", "labelled_at", "labeled_at", "closed", "closed_at", "reviewed_at", "resolved_at")
LABEL = (
    "fraud",
    "is_fraud",
    "isfraud",
    "label",
    "class",
    "abuse",
    "is_abuse",
    "banned",
    "verdict",
    "disposition",
    "decision",
    "outcome",
    "target_label",
)
ACTION = ("event_type", "event", "action", "activity", "type")
KNOWN = {
    "ip": ("ip", "ip_address", "ipaddress", "client_ip", "remote_ip", "source_ip"),
    "device.id": ("device_id", "device", "deviceid", "device_fingerprint", "fingerprint", "install_id", "browser_id"),
    "device.user_agent": ("user_agent", "useragent", "ua"),
    "device.tls": ("ja3", "ja4", "tls", "tls_fingerprint"),
    "org": ("org_id", "org", "organisation_id", "organization_id", "workspace_id", "workspace", "tenant_id"),
}
SIGNUP = {
    "email": ("email", "mail", "e_mail", "email_address"),
    "phone": ("phone", "phone_number", "mobile", "msisdn"),
    "referral_code": ("referral_code", "referral", "ref_code", "referred_by", "invite_code"),
    "channel": ("channel", "signup_channel"),
    "plan": ("plan", "tier"),
}
PAYMENT = {
    "fingerprint": (
        "card",
        "card_token",
        "card_id",
        "card_hash",
        "card_fingerprint",
        "instrument",
        "pan_hash",
        "payment_token",
    ),
    "bin": ("bin", "card_bin"),
    "funding": ("funding", "card_funding"),
    "currency": ("currency",),
}
TYPES = {
    "signup": ("signup", "sign_up", "register", "registration", "registered", "account_created", "create_account"),
    "login": ("login", "log_in", "signin", "sign_in", "logged_in"),
    "payment": ("payment", "pay", "purchase", "charge", "checkout", "order"),
}
VERDICTS = {
    "abusive": ("1", "true", "t", "yes", "y", "fraud", "fraudulent", "abusive", "abuse", "bad", "banned", "illicit"),
    "benign": (
        "0",
        "false",
        "f",
        "no",
        "n",
        "legit",
        "legitimate",
        "genuine",
        "benign",
        "good",
        "ok",
        "licit",
        "false_alarm",
    ),
}
