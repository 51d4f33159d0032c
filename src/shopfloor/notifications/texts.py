"""What messages say when a shop has no words of its own, in each language.  No I/O here.

A `subject` and an `intro` may name placeholders of the kind (`models.TRAITS`); the other texts are ours alone.
"""

from collections.abc import Mapping
from typing import Final

from babel import Locale

from shopfloor.kernel.records import dataclass
from shopfloor.notifications.models import Kind

LANGUAGES: Final = ("en", "zh-CN")


@dataclass(frozen=True, slots=True)
class Text:
    """`label` is what the console calls the kind; `button` leads to the page the message is about."""

    label: str
    subject: str
    heading: str
    intro: str
    button: str = ""


_EN: Final[Mapping[Kind, Text]] = {
    Kind.ORDER_PLACED: Text(
        "Order placed",
        "Your order #{number} at {shop}",
        "Thank you for your order",
        "Hello {name}, we have received your order #{number}.",
        "View order",
    ),
    Kind.ORDER_PAID: Text(
        "Payment received",
        "We received your payment for order #{number}",
        "Payment received",
        "Hello {name}, we received your payment of {amount} for order #{number}. Thank you.",
        "View order",
    ),
    Kind.PAY_REMINDER: Text(
        "Payment reminder",
        "Order #{number}: please pay by {date}",
        "We haven't received your payment yet",
        "Hello {name}, your order #{number} is waiting for your payment of {amount}. Please pay by {date}, "
        "or the order is cancelled and the items go to someone else.",
        "Pay now",
    ),
    Kind.BALANCE_DUE: Text(
        "Balance due",
        "Your order #{number} is ready: the balance is due",
        "Your items have arrived",
        "Hello {name}, the items of your order #{number} are here. The balance of {amount} is due now; "
        "once it is paid, we send them to you.",
        "Pay the balance",
    ),
    Kind.PLACE_OFFERED: Text(
        "Waitlist: your turn",
        "It's your turn: {product}",
        "It's your turn",
        "{product} is reserved for you until {time}. After that it goes to the next person in line.",
        "Check out",
    ),
    Kind.BASKET_DUE: Text(
        "After a show: items to pay",
        "{show}: pay for your items by {time}",
        "Your items from the show",
        "Hello {name}, what you bought in {show} is reserved for you until {time}: {count} items for {amount}, plus "
        "shipping. What isn't paid by then goes back on sale.",
        "Pay for everything",
    ),
    Kind.DATE_CHANGED: Text(
        "Delivery date changed",
        "Order #{number}: new delivery date",
        "Your order will be later than promised",
        "Hello {name}, we are sorry: {product} will be ready on {date}, later than we promised. "
        "You can accept the new date, or cancel and get all of your money back.",
        "Accept or cancel",
    ),
    Kind.SHIPPED: Text(
        "Shipped",
        "Your order #{number} is on its way",
        "Your order is on its way",
        "Hello {name}, we have sent your order #{number}.",
        "View order",
    ),
    Kind.READY_TO_COLLECT: Text(
        "Ready to collect",
        "Your order #{number} is ready to collect",
        "Ready to collect",
        "Hello {name}, your order #{number} is ready. Bring this message, or your order number.",
        "View order",
    ),
    Kind.DELIVERED: Text(
        "Delivered",
        "Your order #{number} has arrived",
        "Your order has arrived",
        "Hello {name}, your order #{number} has been delivered. We hope you like it.",
        "View order",
    ),
    Kind.WITHDRAWAL: Text(
        "Withdrawal received",
        "We received your withdrawal from order #{number}",
        "We received your withdrawal",
        "Hello {name}, on {time} you told us that you withdraw from the contract for these items of order #{number}. "
        "This message confirms it.",
        "View order",
    ),
    Kind.RETURN_ASKED: Text(
        "Return requested",
        "We received your request about order #{number}",
        "We received your request",
        "Hello {name}, we received your request about order #{number} on {time} and will answer it soon.",
        "View order",
    ),
    Kind.RETURN_APPROVED: Text(
        "Return approved",
        "Your return for order #{number} is approved",
        "Your return is approved",
        "Hello {name}, we agree to your return for order #{number}.",
        "View order",
    ),
    Kind.RETURN_REFUSED: Text(
        "Return declined",
        "About your return for order #{number}",
        "We can't accept your return",
        "Hello {name}, we looked at your request about order #{number} and can't accept a return.",
        "View order",
    ),
    Kind.RETURNED: Text(
        "Return received",
        "We received your return for order #{number}",
        "We received your return",
        "Hello {name}, what you sent back from order #{number} has arrived.",
        "View order",
    ),
    Kind.EXCHANGED: Text(
        "Exchange",
        "Your exchange is order #{number}",
        "We send you what you chose instead",
        "Hello {name}, what you chose instead is order #{number}. What you paid before counts for it.",
        "View order",
    ),
    Kind.REFUNDED: Text(
        "Refund sent",
        "Your refund for order #{number}",
        "We sent your refund",
        "Hello {name}, we have sent back {amount} for order #{number}. Depending on your bank, it can take a few "
        "days to arrive.",
        "View order",
    ),
    Kind.FAPIAO: Text(
        "Fapiao issued",
        "The fapiao for order #{number}",
        "Your fapiao",
        "Hello {name}, fapiao {fapiao} of {amount} for order #{number} has been issued.",
        "View order",
    ),
    Kind.CANCELLED: Text(
        "Order cancelled",
        "Your order #{number} is cancelled",
        "Your order is cancelled",
        "Hello {name}, your order #{number} is cancelled.",
        "View order",
    ),
    Kind.REINSTATED: Text(
        "Order reinstated",
        "Your order #{number} is on again",
        "Your order is on again",
        "Hello {name}, your payment for order #{number} came after it was cancelled. The items are still here, so the "
        "order stands again.",
        "View order",
    ),
    Kind.SHOW_STARTS: Text(
        "Show starts soon",
        "{show} starts at {time}",
        "The show starts soon",
        "{show} starts at {time}. You asked us to remind you.",
        "Watch live",
    ),
    Kind.INVITATION: Text(
        "Invitation",
        "You are invited to work in {shop}",
        "You are invited",
        "You are invited to work in {shop} as {role}. The link works once, until {date}.",
        "Accept invitation",
    ),
    Kind.PASSWORD_FORGOTTEN: Text(
        "Password forgotten",
        "Set a new password",
        "Set a new password",
        "Somebody, probably you, asked for a new password for your account. The link works once, within two hours. "
        "If it wasn't you, ignore this message: your password stays as it is.",
        "Set new password",
    ),
    Kind.SIGN_IN_CODE: Text(
        "Sign-in code",
        "Your code for {shop}",
        "Your code to sign in",
        "Enter this code on the device where you asked for it. It works once, within 15 minutes.\n\n"
        "If you didn't ask for it, ignore this message, and tell the code to nobody.",
        "Sign in on this device",
    ),
    Kind.CONTACT_CODE: Text(
        "Code for a new contact",
        "Your code for {shop}",
        "Your code to confirm this address",
        "Enter this code where you asked for it, and your account at {shop} can be reached here. It works once, within "
        "15 minutes.\n\nIf you didn't ask for it, ignore this message, and tell the code to nobody.",
    ),
    Kind.CONTACT_CHANGED: Text(
        "Contact changed",
        "Your account at {shop} was changed",
        "Your account was changed",
        "How you sign in to your account at {shop} was changed: an email address or phone number was added, replaced or "
        "removed. All other devices are signed out.\n\nIf it wasn't you, contact {shop} at once.",
    ),
    Kind.PURCHASE_ORDER: Text(
        "Purchase order to a supplier",
        "Purchase order {number} from {shop}",
        "A new purchase order",
        "Hello {supplier}, {shop} orders from you. On your page you can confirm quantities and dates; the link is for "
        "you alone.",
        "Open purchase order",
    ),
    Kind.WEBHOOK_STOPPED: Text(
        "Webhook stopped",
        "{shop}: a webhook was turned off",
        "A webhook was turned off",
        "{address} has not accepted anything for {days} days, so we stopped sending to it. What happened meanwhile is in "
        "its log. Turn it on again when it works.",
        "Open webhooks",
    ),
    Kind.DISPUTE_OPENED: Text(
        "Dispute opened",
        "{shop}: a buyer disputes a payment of {amount}",
        "A buyer disputes a payment",
        "A buyer asked the bank for {amount} back. If nobody answers by the deadline, the money is lost. The evidence is "
        "put together on the page of the dispute; send it to your payment service, or accept the dispute there.",
        "Open the dispute",
    ),
    Kind.DISPUTE_DUE: Text(
        "Dispute deadline",
        "{shop}: answer the dispute over {amount} by {date}",
        "A dispute has to be answered soon",
        "Nobody has noted an answer to the dispute over {amount}. It is lost if nothing is sent by {date}.",
        "Open the dispute",
    ),
    Kind.DISPUTE_ENDED: Text(
        "Dispute decided",
        "{shop}: the dispute over {amount} is over",
        "A dispute is over",
        "The dispute over {amount} is over.",
        "Open the dispute",
    ),
    Kind.REFUND_FAILED: Text(
        "Refund failed",
        "{shop}: a refund of {amount} failed",
        "A refund failed",
        "The payment service did not carry out a refund of {amount}. The customer is still owed the money: send it "
        "again, or send it another way and record that.",
        "Open payments",
    ),
    Kind.CAPTURE_FAILED: Text(
        "Charging failed",
        "{shop}: charging {amount} failed",
        "An authorised payment couldn't be charged",
        "The payment service did not charge an authorised payment of {amount}. Try again in the console. If the "
        "authorisation ends first, the customer is asked to pay by the link of the order.",
        "Open payments",
    ),
    Kind.AUTHORISATION_ENDING: Text(
        "Authorisation ends soon",
        "{shop}: an authorisation of {amount} ends on {date}",
        "An authorisation ends soon",
        "{amount} is authorised and not charged yet. Ship the order before {date}, or charge it now: afterwards the "
        "customer has to pay again.",
        "Open payments",
    ),
    Kind.DIFFERENCE_OPENED: Text(
        "Money that fits no order",
        "{shop}: money that fits no order",
        "Money fits no order",
        "A payment does not agree with your orders. It waits in the list until somebody closes it.",
        "Open payments",
    ),
    Kind.PROVIDER_SILENT: Text(
        "Payment messages missing",
        "{shop}: no messages from {provider} for an hour",
        "The payment service sends no messages",
        "There were payments through {provider}, but no message about them has come for an hour. The shop asks for the "
        "results itself, so nothing is lost, but orders are confirmed later. Check the address for messages at the "
        "payment service.",
        "Open payments",
    ),
    Kind.PAYMENTS_PAUSED: Text(
        "Online payment paused",
        "{shop}: online payment is paused",
        "Online payment is paused",
        "{count} card payments were declined within ten minutes. That looks like somebody trying out stolen cards, so "
        "online payment is paused until {date}. You can end the pause in the console.",
        "Open payments",
    ),
    Kind.REFUND_ASKED: Text(
        "Refund needs confirmation",
        "{shop}: a refund of {amount} needs a second person",
        "A refund needs a second person",
        "{who} asked for a refund of {amount}. Another member has to confirm it.",
        "Open the refund",
    ),
    Kind.TEST: Text(
        "Test message",
        "Test message from {shop}",
        "Mail works",
        "This is a test message from {shop}. If you can read it, mail works.",
    ),
}
_ZH: Final[Mapping[Kind, Text]] = {
    Kind.ORDER_PLACED: Text(
        "下单成功",
        "{shop}：已收到您的订单 #{number}",
        "感谢您的订购",
        "{name}，您好！我们已收到您的订单 #{number}。",
        "查看订单",
    ),
    Kind.ORDER_PAID: Text(
        "付款成功",
        "订单 #{number} 已收到您的付款",
        "已收到付款",
        "{name}，您好！我们已收到您为订单 #{number} 支付的 {amount}，谢谢。",
        "查看订单",
    ),
    Kind.PAY_REMINDER: Text(
        "付款提醒",
        "订单 #{number} 请在 {date} 前付款",
        "尚未收到您的付款",
        "{name}，您好！您的订单 #{number} 还需支付 {amount}。请在 {date} 前付款，逾期订单将自动取消，商品会让给其他顾客。",
        "立即付款",
    ),
    Kind.BALANCE_DUE: Text(
        "支付尾款",
        "订单 #{number} 的商品已到货，请支付尾款",
        "您的商品已到货",
        "{name}，您好！订单 #{number} 的商品已经到货，请支付尾款 {amount}，付款后我们即为您发货。",
        "支付尾款",
    ),
    Kind.PLACE_OFFERED: Text(
        "候补：轮到您了",
        "轮到您了：{product}",
        "轮到您了",
        "{product} 已为您保留至 {time}，逾期将让给下一位。",
        "去结算",
    ),
    Kind.BASKET_DUE: Text(
        "直播后待付款",
        "{show}：请在 {time} 前付款",
        "您在直播中买下的商品",
        "{name}，您好！您在“{show}”买下的 {count} 件商品已为您保留至 {time}，共 {amount}（运费另计）。逾期未付的商品将重新上架。",
        "一起付款",
    ),
    Kind.DATE_CHANGED: Text(
        "交货日期变更",
        "订单 #{number} 的交货日期有变",
        "您的订单将晚于承诺日期",
        "{name}，您好！非常抱歉，{product} 要到 {date} 才能备好，晚于我们的承诺。您可以接受新日期，也可以取消订单并全额退款。",
        "接受或取消",
    ),
    Kind.SHIPPED: Text(
        "已发货",
        "订单 #{number} 已发货",
        "您的订单已发货",
        "{name}，您好！您的订单 #{number} 已经发出。",
        "查看订单",
    ),
    Kind.READY_TO_COLLECT: Text(
        "可以自提",
        "订单 #{number} 可以自提了",
        "可以自提了",
        "{name}，您好！您的订单 #{number} 已备好。取货时请出示本邮件或报订单号。",
        "查看订单",
    ),
    Kind.DELIVERED: Text(
        "已送达",
        "订单 #{number} 已送达",
        "您的订单已送达",
        "{name}，您好！您的订单 #{number} 已送达，希望您喜欢。",
        "查看订单",
    ),
    Kind.WITHDRAWAL: Text(
        "已收到无理由退货声明",
        "已收到您对订单 #{number} 的退货声明",
        "已收到您的退货声明",
        "{name}，您好！我们于 {time} 收到您对订单 #{number} 以下商品的无理由退货（撤回合同）声明，特此确认。",
        "查看订单",
    ),
    Kind.RETURN_ASKED: Text(
        "收到退货申请",
        "已收到您关于订单 #{number} 的申请",
        "已收到您的申请",
        "{name}，您好！我们于 {time} 收到您关于订单 #{number} 的申请，会尽快答复。",
        "查看订单",
    ),
    Kind.RETURN_APPROVED: Text(
        "已同意退货",
        "订单 #{number} 的退货已同意",
        "已同意您的退货",
        "{name}，您好！我们同意您对订单 #{number} 的退货申请。",
        "查看订单",
    ),
    Kind.RETURN_REFUSED: Text(
        "退货被拒绝",
        "关于订单 #{number} 的退货",
        "无法接受您的退货",
        "{name}，您好！我们已查看您关于订单 #{number} 的申请，很抱歉无法接受退货。",
        "查看订单",
    ),
    Kind.RETURNED: Text(
        "已收到退货",
        "已收到订单 #{number} 的退货",
        "已收到您的退货",
        "{name}，您好！您从订单 #{number} 退回的商品已收到。",
        "查看订单",
    ),
    Kind.EXCHANGED: Text(
        "换货",
        "您的换货订单为 #{number}",
        "您换的商品即将寄出",
        "{name}，您好！您换的商品已生成订单 #{number}，您之前支付的款项已计入此订单。",
        "查看订单",
    ),
    Kind.REFUNDED: Text(
        "已退款",
        "订单 #{number} 的退款已汇出",
        "退款已汇出",
        "{name}，您好！订单 #{number} 的退款 {amount} 已经汇出，到账时间视银行而定，可能需要几天。",
        "查看订单",
    ),
    Kind.FAPIAO: Text(
        "发票已开具",
        "订单 #{number} 的发票",
        "您的发票",
        "{name}，您好！订单 #{number} 的发票已开具，发票号码 {fapiao}，金额 {amount}。",
        "查看订单",
    ),
    Kind.CANCELLED: Text(
        "订单已取消",
        "订单 #{number} 已取消",
        "您的订单已取消",
        "{name}，您好！您的订单 #{number} 已取消。",
        "查看订单",
    ),
    Kind.REINSTATED: Text(
        "订单已恢复",
        "订单 #{number} 已恢复",
        "您的订单已恢复",
        "{name}，您好！订单 #{number} 取消之后我们收到了您的付款。商品还有货，因此订单已恢复。",
        "查看订单",
    ),
    Kind.SHOW_STARTS: Text(
        "开播提醒",
        "{show} 将于 {time} 开播",
        "直播马上开始",
        "{show} 将于 {time} 开播。这是您预约的提醒。",
        "观看直播",
    ),
    Kind.INVITATION: Text(
        "邀请",
        "邀请您加入 {shop}",
        "您收到一份邀请",
        "{shop} 邀请您以“{role}”身份加入。链接仅可使用一次，{date} 前有效。",
        "接受邀请",
    ),
    Kind.PASSWORD_FORGOTTEN: Text(
        "忘记密码",
        "设置新密码",
        "设置新密码",
        "有人（可能是您本人）为您的账号申请了新密码。链接仅可使用一次，两小时内有效。如果不是您本人操作，请忽略本邮件，密码不会改变。",
        "设置新密码",
    ),
    Kind.SIGN_IN_CODE: Text(
        "登录验证码",
        "您在 {shop} 的验证码",
        "您的登录验证码",
        "请在申请验证码的设备上输入。验证码 15 分钟内有效，仅可使用一次。\n\n如果不是您本人操作，请忽略本邮件，切勿将验证码告诉任何人。",
        "在本设备上登录",
    ),
    Kind.CONTACT_CODE: Text(
        "新联系方式验证码",
        "您在 {shop} 的验证码",
        "确认此邮箱的验证码",
        "请在申请验证码的页面输入，即可将此邮箱绑定到您在 {shop} 的账号。验证码 15 分钟内有效，仅可使用一次。\n\n"
        "如果不是您本人操作，请忽略本邮件，切勿将验证码告诉任何人。",
    ),
    Kind.CONTACT_CHANGED: Text(
        "联系方式已变更",
        "您在 {shop} 的账号有变更",
        "您的账号有变更",
        "您在 {shop} 的登录方式已变更：邮箱或手机号被添加、更换或移除，其他设备已退出登录。\n\n如果不是您本人操作，请立即联系 {shop}。",
    ),
    Kind.PURCHASE_ORDER: Text(
        "给供应商的采购单",
        "{shop} 的采购单 {number}",
        "新的采购单",
        "{supplier}，您好！{shop} 向您下了采购单。您可以在您的页面上确认数量和日期，该链接仅供您本人使用。",
        "打开采购单",
    ),
    Kind.WEBHOOK_STOPPED: Text(
        "Webhook 已停用",
        "{shop}：一个 Webhook 已停用",
        "一个 Webhook 已停用",
        "{address} 已连续 {days} 天没有接收任何消息，因此我们停止了发送。期间的消息都在它的日志里，恢复正常后请重新启用。",
        "打开 Webhook",
    ),
    Kind.DISPUTE_OPENED: Text(
        "收到拒付",
        "{shop}：买家对一笔 {amount} 的付款提出拒付",
        "买家提出了拒付",
        "买家向银行要求退回 {amount}。如果在截止时间前没有回应，这笔钱将无法追回。拒付页面已整理好证据，请提交给支付服务商，或在其后台接受拒付。",
        "查看拒付",
    ),
    Kind.DISPUTE_DUE: Text(
        "拒付即将到期",
        "{shop}：请在 {date} 前回应 {amount} 的拒付",
        "有一笔拒付需要尽快回应",
        "金额 {amount} 的拒付尚无人登记已回应。如果在 {date} 前没有提交任何材料，将视为败诉。",
        "查看拒付",
    ),
    Kind.DISPUTE_ENDED: Text(
        "拒付已结束",
        "{shop}：金额 {amount} 的拒付已结束",
        "拒付已结束",
        "金额 {amount} 的拒付已有结果。",
        "查看拒付",
    ),
    Kind.REFUND_FAILED: Text(
        "退款失败",
        "{shop}：一笔 {amount} 的退款失败",
        "退款失败",
        "支付服务商未能完成一笔 {amount} 的退款，这笔钱仍应退给顾客。请重新发起，或以其他方式退款后登记。",
        "打开支付页面",
    ),
    Kind.CAPTURE_FAILED: Text(
        "扣款失败",
        "{shop}：一笔 {amount} 的预授权扣款失败",
        "预授权扣款失败",
        "支付服务商未能完成一笔 {amount} 的预授权扣款。请在后台重试。如果预授权先行到期，系统会请顾客通过订单链接付款。",
        "打开支付页面",
    ),
    Kind.AUTHORISATION_ENDING: Text(
        "预授权即将到期",
        "{shop}：一笔 {amount} 的预授权将于 {date} 到期",
        "预授权即将到期",
        "有 {amount} 已预授权但尚未扣款。请在 {date} 前发货，或立即扣款；到期后顾客需要重新付款。",
        "打开支付页面",
    ),
    Kind.DIFFERENCE_OPENED: Text(
        "有款项对不上订单",
        "{shop}：有款项对不上订单",
        "有款项对不上订单",
        "有一笔付款与您的订单不符，会一直留在列表中，直到有人处理并关闭。",
        "打开支付页面",
    ),
    Kind.PROVIDER_SILENT: Text(
        "没有收到支付通知",
        "{shop}：已有一小时没有收到{provider}的通知",
        "没有收到支付通知",
        "有顾客通过{provider}付款，但已有一小时没有收到相关通知。店铺会主动查询结果，不会漏单，但订单确认会变慢。请到支付服务商后台检查通知地址。",
        "打开支付页面",
    ),
    Kind.PAYMENTS_PAUSED: Text(
        "在线支付已暂停",
        "{shop}：在线支付已暂停",
        "在线支付已暂停",
        "十分钟内有 {count} 笔银行卡付款被拒，很可能有人在试用被盗的银行卡，因此在线支付已暂停至 {date}。您可以在后台提前恢复。",
        "打开支付页面",
    ),
    Kind.REFUND_ASKED: Text(
        "退款待确认",
        "{shop}：一笔 {amount} 的退款需要第二人确认",
        "退款需要第二人确认",
        "{who} 申请退款 {amount}，需要由另一位成员确认。",
        "查看退款",
    ),
    Kind.TEST: Text(
        "测试邮件",
        "来自 {shop} 的测试邮件",
        "邮件正常",
        "这是来自 {shop} 的测试邮件。能看到它，就说明邮件可以正常发送。",
    ),
}
TEXTS: Final[Mapping[str, Mapping[Kind, Text]]] = {"en": _EN, "zh-CN": _ZH}

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "order": "Order",
        "goods": "Subtotal",
        "shipping": "Shipping",
        "tax_in": "Including tax",
        "tax_on": "Tax",
        "total": "Total",
        "discount": "Discounts",
        "paid": "Paid",
        "due": "Due now",
        "later": "Balance, when your items are ready",
        "ready_on": "ready on {day}",
        "times": "× {n}",
        "ships_to": "Ships to",
        "collect_at": "Collect at",
        "tracking": "Tracking",
        "pay_to": "How to pay",
        "pay_by": "Pay by {day}",
        "reference": "Payment reference",
        "cash": "You pay when you collect it.",
        "deposit": "This is your deposit. The balance is due when your items are ready.",
        "authorised": "Your payment is authorised. You are charged when your order ships.",
        "lapsed": "The authorisation on your card has ended. You have not been charged.",
        "more_follows": "The other items of your order follow separately.",
        "refund_follows": "What you paid is refunded.",
        "red_fapiao": "It is a red fapiao: it takes back what was refunded.",
        "fapiao_attached": "The file is attached.",
        "fapiao_later": "The file follows as soon as the seller adds it.",
        "why_asked": "",
        "why_unpaid": "It wasn't paid in time.",
        "why_balance_unpaid": "The balance wasn't paid in time.",
        "why_late": "You chose not to wait for the new date.",
        "why_sold_out": "The items are sold.",
        "why_declined": "The payment was declined.",
        "contains": "In it: {what}",
        "about_order": "You get this message because of your order at {shop}.",
        "about_place": "You get this message because you are on a waitlist at {shop}.",
        "about_basket": "You get this message because you bought in a show of {shop} and pay after it.",
        "about_reminder": "You get this message because you asked {shop} to remind you.",
        "about_work": "You get this message because you work with {shop}.",
        "about_account": "You get this message because somebody entered your email address at {shop}.",
        "unsubscribe": "Unsubscribe",
        "keep_link": "The link opens your order without signing in. Don't forward this message.",
        "code": "Your code",
        "link_below": "If the button doesn't work, open this address:",
        "answer_to": "Questions? Reply to this message.",
        "same_browser": "Open it in the browser in which you joined the waitlist.",
        "until": "Reserved until",
        "promised": "Promised for",
        "new_date": "New date",
        "starts": "Starts",
        "amount": "Amount",
        "answer_by": "Answer by",
        "about_order_number": "Order",
        "reason": "Reason",
        "result": "Result",
        "result_won": "Won: the money is yours",
        "result_lost": "Lost: the money stays with the buyer",
        "result_closed": "Closed without a decision",
        "a_member": "Somebody",
        "return": "Return number",
        "send_to": "Send it to",
        "came_on": "Received on",
        "on_parcel": "Write the return number on the parcel.",
        "keep_it": "You don't need to send anything back. We refund what you paid for these items.",
        "keep_and_have": "You don't need to send anything back.",
        "instead": "Instead of a refund we send you: {items}.",
        "kept_until": "It is reserved for you until {day} and leaves when your return has arrived.",
        "instead_sold_out": "What you wanted instead has sold out ({items}). You get your money back.",
        "difference": "Please pay the difference by {day}; then it leaves.",
    },
    "zh-CN": {
        "order": "订单",
        "goods": "商品小计",
        "shipping": "运费",
        "tax_in": "其中税额",
        "tax_on": "税费",
        "total": "合计",
        "discount": "优惠",
        "paid": "已付",
        "due": "现在应付",
        "later": "尾款（到货后支付）",
        "ready_on": "{day} 备好",
        "times": "× {n}",
        "ships_to": "收货地址",
        "collect_at": "自提地点",
        "tracking": "物流单号",
        "pay_to": "付款方式",
        "pay_by": "请在 {day} 前付款",
        "reference": "付款备注",
        "cash": "取货时付款。",
        "deposit": "这是定金，商品到货后再支付尾款。",
        "authorised": "付款已预授权，发货时才会扣款。",
        "lapsed": "您银行卡上的预授权已失效，没有扣款。",
        "more_follows": "订单中的其他商品将另行寄出。",
        "refund_follows": "您支付的款项将退还给您。",
        "red_fapiao": "这是红字发票，用于冲销已退款的金额。",
        "fapiao_attached": "发票文件见附件。",
        "fapiao_later": "卖家上传发票文件后会另行发送给您。",
        "why_asked": "",
        "why_unpaid": "未在规定时间内付款。",
        "why_balance_unpaid": "未在规定时间内支付尾款。",
        "why_late": "您选择不再等待新的日期。",
        "why_sold_out": "商品已售完。",
        "why_declined": "付款未成功。",
        "contains": "包含：{what}",
        "about_order": "您收到本邮件，是因为您在 {shop} 下了订单。",
        "about_place": "您收到本邮件，是因为您在 {shop} 参加了候补。",
        "about_basket": "您收到本邮件，是因为您在 {shop} 的直播中买下了商品，直播后付款。",
        "about_reminder": "您收到本邮件，是因为您请 {shop} 提醒您。",
        "about_work": "您收到本邮件，是因为您与 {shop} 有工作往来。",
        "about_account": "您收到本邮件，是因为有人在 {shop} 填写了您的邮箱。",
        "unsubscribe": "退订",
        "keep_link": "该链接无需登录即可打开您的订单，请勿转发本邮件。",
        "code": "验证码",
        "link_below": "如果按钮无法点击，请打开以下地址：",
        "answer_to": "如有疑问，请直接回复本邮件。",
        "same_browser": "请在加入候补时所用的浏览器中打开。",
        "until": "保留至",
        "promised": "承诺日期",
        "new_date": "新日期",
        "starts": "开播时间",
        "amount": "金额",
        "answer_by": "回应截止时间",
        "about_order_number": "订单",
        "reason": "原因",
        "result": "结果",
        "result_won": "胜诉：款项归您",
        "result_lost": "败诉：款项归买家",
        "result_closed": "已关闭，未作裁决",
        "a_member": "有成员",
        "return": "退货编号",
        "send_to": "寄至",
        "came_on": "收到时间",
        "on_parcel": "请在包裹上写明退货编号。",
        "keep_it": "您无需寄回商品，我们将退还这些商品的款项。",
        "keep_and_have": "您无需寄回商品。",
        "instead": "我们将为您换货：{items}。",
        "kept_until": "商品为您保留至 {day}，收到退货后即寄出。",
        "instead_sold_out": "您想换的商品已售罄（{items}），我们将为您退款。",
        "difference": "请在 {day} 前补齐差价，付款后即发货。",
    },
}
ROLES: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "owner": "owner", "merchandiser": "merchandiser", "host": "host", "moderator": "moderator", "finance": "finance",
        "shop_assistant": "shop assistant", "supplier": "supplier", "partner": "partner host", "analyst": "analyst",
    },
    "zh-CN": {
        "owner": "店主", "merchandiser": "商品运营", "host": "主播", "moderator": "场控", "finance": "财务",
        "shop_assistant": "店员", "supplier": "供应商", "partner": "合作主播", "analyst": "分析员",
    },
}  # fmt: skip
LOCALES: Final[Mapping[str, Locale]] = {"en": Locale("en"), "zh-CN": Locale.parse("zh_Hans_CN")}


def language_for(*locales: str) -> str:
    """The language of the first locale that we speak: `zh_TW`, `zh-Hans` and `zh` are told in zh-CN."""
    for locale in locales:
        first = locale.replace("_", "-").lower().split("-")[0]
        for language in LANGUAGES:
            if language.split("-")[0].lower() == first:
                return language
    return LANGUAGES[0]
