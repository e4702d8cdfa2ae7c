"""The words of a comparison's page and text in Turkish: ``taban`` is the base, ``aday`` a head.

Names that come from data take no suffix, as in the report.
"""

# ruff: noqa: RUF001 - letters of the Turkish alphabet and typography of the page are meant

from __future__ import annotations

from collections.abc import Sequence

from bench.report.text.tr import listed

VERDICTS = {"slower": "daha yavaş", "faster": "daha hızlı", "same": "aynı", "inconclusive": "belirsiz"}
CONDITIONS = {
    "model": "model",
    "model digest": "model özeti (digest)",
    "machine": "makine",
    "threads": "iş parçacıkları",
    "schema": "şema",
    "power source": "güç kaynağı",
    "power mode": "güç kipi",
    "governor": "frekans yöneticisi",
    "usable CPUs": "kullanılabilir CPU’lar",
    "CPU quota": "CPU kotası",
    "memory limit": "bellek sınırı, bayt",
    "setting huge_pages": "saydam büyük sayfalar",
    "setting smt": "SMT",
    "setting turbo": "turbo",
    "setting energy_preference": "CPU’nun enerji tercihi",
    "setting numa_nodes": "NUMA düğümleri",
    "setting kernel_options": "çekirdek seçenekleri",
    "prompts": "istemler",
    "kernel": "sistem çekirdeği",
    "system": "sistem",
    "CPU": "CPU",
    "cool-down, s": "soğuma süresi, s",
    "repeats": "ziyaret başına üretim",
    "warmups": "ısınma, en az",
    "max_warmups": "ısınma, en çok",
}
DRIVER_OF = "sürücü, {device}"
PROMPTS = ("{count} istem", "bunlardan {count} tanesinin kimlikleri farklı")
THREADS_LEFT = "yığına bırakıldı"
VALUES = {"None": "kaydedilmemiş", "none": "yok", "all": "tümü", "unknown processor": "bilinmeyen işlemci"}

# -- before any figure

MACHINES = (
    "Makineler farklı. Buradaki oran, oldukları halleriyle iki bütün makinenin oranıdır: işlemci, bellek, soğutma, "
    "güç, sistem, sürücüler ve yığının bunlara bakarak seçtikleri, örneğin iş parçacıkları. Aynı isteğin her birinde "
    "ne kadar sürdüğünü söyler. Farkın bunların hangisinden geldiğini ve aynı türden başka makinelerde ne olacağını "
    "söyleyemez: her biri, türünün tek bir örneğidir. Aralıklar bunu hesaba katmaz."
)
SIMULATED = "benzetim: bu gecikmeler oynatıldı, hiçbir model çalışmadı"
PARTLY_SIMULATED = "kısmen benzetim: bu gecikmelerin bir kısmı oynatıldı; yapılandırmaların adında yazar"
ONE_BLOCK = "tek blok aralık vermez, bu yüzden hiçbir şey ayırt edilemez; --profile standard ile ölçün"
UNFINISHED = (
    "{run}, sonu olmayan bir koşudur: ya hâlâ yazılıyor ya da zorla sonlandırıldı; vardığı yere kadar karşılaştırıldı"
)
EMPTY = "{run}, sayılan hiçbir şey ölçmedi: karşılaştırılacak sayı yok"
LOST = "BLOK KAYBI, {run}: şu hücrelerin sayıları geriye kalan bloklara dayanıyor: {cells}"
LOST_CELL = "{cell} (kayıp blok: {lost})"
SERIOUS = "CİDDİ bulgu, {run}: {what} ({cells}, ! ile işaretli). {advice}"
NOT_SERIOUS = "Gözcünün karşılaştırılan hücrelerle ilgili uyarıları: {count}. Koşuların raporlarında yazarlar."

DIFFERENT = "FARKLI {what}: tabanda {base}, adayda {head}"
DIFFERENT_HEADS = "FARKLI {what}: tabanda {base}; {heads}"
VALUE_IN = "{heads} için {value}"
OR_JOINED = " ya da "
THE_RUN, BASE_RUN, HEAD_RUN, THE_BASE = "koşu", "taban koşusu", "aday koşusu", "taban"

# -- what verdicts rest on

PAIRED_BASIS = (
    "Aralıklar: iki çeşit, bir koşuda blok blok karşılaştırıldı; bir bloğu yavaşlatan şey ikisini de yavaşlatmıştır."
)
BLOCKS_BASIS = (
    "Aralıklar yalnızca blokları kapsar. Koşudan koşuya değişenler (yeniden başlatma, ısı, belleğin nerede durduğu) "
    "bunlarla örneklenmez: aynı yazılımın iki koşusu arasındaki fark daha büyük olabilir. Ne kadar olduğunu bu "
    "makinenin beş ya da daha çok koşusu gösterirdi; `nox -s ab` için hiçbiri gerekmez."
)
RUNS_BASIS = (
    "Aralıklar, blokları ve bu makinenin daha önceki {runs} koşusu arasındaki farkı kapsar: {figures} sayının {wider} "
    "tanesinde daha geniş olan bu farktı."
)
RULE = (
    "aynı: {threshold} içinde; daha yavaş ve daha hızlı: ölçütün bütün hücreleri üzerinden yapılan Holm düzeltmesinden "
    "sonra"
)
NO_SAME = "%0 eşikle hiçbir şeye aynı denemez; "
ADJUSTMENT = (
    "Holm düzeltmesi bir adayda bir ölçütün hücrelerini kapsar, adayların hepsini birden kapsamaz; böylece bir "
    "adayın hükmü, tek başına karşılaştırıldığındakiyle aynıdır. Hiçbir farkı olmayan adayların en çok yirmide birinde "
    "bir ölçütte yanlış bir hüküm çıkar, aralıkların değişenleri kapsadığı ölçüde; böyle {heads} adayı olan sayfaların "
    "ise en çok {chance} kadarında. "
)
TOGETHER_ALL = "Bütün adaylar üzerinden birlikte düzeltildiğinde de her hüküm geçerli kalır."
TOGETHER_SOME = (
    "Bütün adaylar üzerinden birlikte düzeltildiğinde {calls} hükmün {stand} tanesi geçerli kalır; kalmayanlar: "
    "{fallen}."
)
SHARED_BASE = (
    "Bütün adaylar aynı tabanla karşılaştırılır: bir satır her adayda aynı biçimde daha yavaş ya da daha hızlıysa önce "
    "tabana bakın."
)
TOGETHER_MORE = "{count} tane daha"
BASIS_OF = "{heads}: {basis}"

# -- what came out

COMPARED_WITH = "şununla karşılaştırıldı: {base}"
CALL = "{metric}, {cell}"
CALL_IN = "{metric}, {cell}, {head}"
NOTHING_SHARED = {
    "paired": "hiçbir hücre iki çeşitle de ölçülmedi: karşılaştırılacak bir şey yok",
    "runs": "hiçbir hücre iki koşuda da ölçülmedi: karşılaştırılacak bir şey yok",
}
COUNTED = "{count} {verdict}"
LARGEST = "en büyük değişiklik, {call}: {change}"
LARGEST_SEEN = "hiçbirine yavaş ya da hızlı denmiyor; görülen en büyük değişiklik, {call}: {change}"
NOTHING_COMPARED = "Hiçbir şey karşılaştırılamıyor: iki yanda da ölçülen hücre yok."
CELLS_AND_HEADS = "{cells} ve {heads}"
NO_DIFFERENCE = "{cells} üzerinde fark görülmedi"
CALLS = "{cells} için {figures} içinden daha yavaş: {slower}, daha hızlı: {faster}"
TIMES = "{ratio} kat"

# -- compare.md

ROWS_LEFT_OUT = "{rows} burada yok, değişikliği en büyük olanlar burada: hepsi compare.json içinde."
LINES_LEFT_OUT = "ve bunlardan {count} tane daha: bkz. compare.json"
SHAPE, METRIC, RATIO, CELLS = "biçim", "ölçüt", "oran (%95)", "hücreler"
BASE_MS, HEAD_MS = "taban, ms", "aday, ms"
CHANGED = "değişti: {name} {base} → {head}"
DIFFERS = "farklı olan"
ONLY_IN_BASE = "yalnızca tabanda: {name}"
ONLY_IN_HEAD = "yalnızca adayda: {name}"

# -- the page

NAV = {
    "answer": "Yanıt",
    "map": "Isı haritası",
    "overview": "Genel bakış",
    "guard": "Bulgular",
    "else": "Başka neler farklı",
    "reading": "Nasıl okunur",
}
OVERLINE = {"paired": "iki çeşit, bir koşuda dönüşümlü", "one": "iki koşu", "several": "{count} koşu"}
OVERVIEW_NOTE = "Adayın tabana oranı, yapılandırmaya ve isteğe göre (istem belirteci + yeni belirteç)."
MAP_NOTE = (
    "Her adayın tabana oranı: bir satır bir hücredir (yapılandırma, istem belirteci + yeni belirteç), bir sütun bir "
    "adaydır, her değişikliğin altında %95 aralığı durur. Göze çarpan bir sütun o adayla, bütün sütunlarda göze çarpan "
    "bir satır o hücreyle ya da tabanla ilgilidir. Boş: iki yanda birden ölçülmedi."
)
DEPTHS = (
    "Yalnızca yavaş ya da hızlı denenler renklidir: turuncu daha yavaş, mavi daha hızlıdır; renk koyulaştıkça "
    "değişiklik büyür: en çok %10, en çok %30, ötesi."
)
MAP_CALLED = "Yavaş ya da hızlı denen bir sayısı olan hücreler: {count}"
MAP_OTHERS = "Yavaş ya da hızlı denen bir sayısı olmayan hücreler: {count}"
LEFT_OUT = (
    "{count} burada yok, değişikliği en büyük olanlar gösteriliyor; hepsi bu sayfanın yanındaki compare.json içinde."
)
GUARD_NOTE = "Karşılaştırılan hücreleri ilgilendiren ciddi bulgular; ilgilendirdikleri her sayı ! ile işaretlidir."
UNCHANGED = "Koşullar, paketler ve sürücüler hakkında kaydedilenlerden hiçbiri değişmedi."
CHANGED_CAPTION = "Bütün koşularda aynı olmayan koşullar, paketler ve sürücüler"
ONLY_BASE = "Tabanda ölçülen, şurada ölçülmeyen: {heads}"
ONLY_HEAD = "Tabanda ölçülmeyen, şurada ölçülen: {heads}"
READING = (
    "İşaret, adayın tabana oranıdır, logaritmik bir eksende; sağa doğru daha yavaştır. Çizgisi %95 aralığıdır; ok, "
    "aralığın sürdüğünü söyler. Gölgeli bant eşiktir: her iki yana {threshold}."
)
RUN_COLUMNS = ("koşu", "kimlik", "başlangıç", "işlemci", "bloklar", "önceki koşular", "hücreler")
EARLIER = "koşudan koşuya farkla birlikte"
SERIOUS_WORDS = "ciddi bir bulgu ilgilendiriyor"
MAP_LABEL = "Değişiklikler, {metric}"
MAP_OTHERS_LABEL = "Değişiklikler, {metric}, yavaş ya da hızlı denmeyenler"
RUNS_CAPTION = "Koşular ve hangi hükümden kaç hücre olduğu"
RUNS_ORDER = (
    "Önce taban, sonra adaylar, adlarının verildiği sırayla. Sütun başlıkları adayları sıralar; bir ölçütün başlığı, o "
    "ölçütte kaç hücrenin daha yavaş olduğuna göre."
)
CHANGED_COLUMN = "koşul, paket ya da sürücü"
CHANGED_NOTE = "Kalın: tabandaki gibi değil. Boş: o koşuda kaydedilmemiş."
MORE_LISTED = "{count}: hepsi compare.json içinde."
TOUCHED = "İlgilendirdiği: {count}"
CONFIGURATION, BASE, HEAD, VERDICT, CHANGE = "yapılandırma", "taban", "aday", "hüküm", "değişiklik (%95)"
FACTS = {"base": "Taban", "head": "Aday", "model": "Model", "machine": "Makine", "blocks": "Blok sayısı", "run": "Koşu"}
UNKNOWN_BLOCKS = "bilinmiyor"
AXIS_LABEL = "adayın tabana oranı, logaritmik bir eksende"
VERDICTS_ARE = "Hüküm, şu sırayla bakılarak verilir:"
SAME_IS = "(aralık bandın içindeyse);"
OR = "ya da"
CALLED_IS = (
    "(fark, ölçütünün hücre sayısına göre yapılan Holm düzeltmesinden sonra da geçerliyse ve eşiğin yarısından "
    "büyükse); yoksa"
)
INCONCLUSIVE_IS = ": ne ileri sürülebilir ne de dışlanabilir."


def head_name(place: int, *, several: bool) -> str:
    """As in English, e.g. ``aday 2``."""
    return f"aday {place + 1}" if several else "aday"


def head_names(places: Sequence[int], *, several: bool) -> str:
    """``aday``, ``aday 2``, ``aday 1 ve 3``."""
    if len(places) == 1:
        return head_name(places[0], several=several)
    return f"aday {listed([str(place + 1) for place in places])}"


def between(low: str, high: str) -> str:
    """From one end of an interval to the other; dots, for a dash would be taken for a minus sign."""
    return f"{low} … {high}"


def between_in_short(low: str, high: str) -> str:
    """As in English; the percent sign stands before each number."""
    return between(low, high)
