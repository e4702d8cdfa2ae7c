"""The words of a history's page and text in Turkish; names that come from data take no suffix."""

# ruff: noqa: RUF001, ISC004 - paragraphs take some lines; letters of the Turkish alphabet and typography of the page are meant

from __future__ import annotations

RULE = (
    "Değişim noktası, bir hücrenin kestirimlerinin düzeyinin, her koşuda yeni olanın rastgele sıralarda "
    "gösterdiğinden daha çok değiştiği yerdir; bütün hücreler ve ölçütler için birlikte, %5 düzeyinde, iki yanında da "
    "en az üçer koşu varken karar verilir. Art arda gelen koşuların ilintisi 0,4 sayılır; otuz ve daha çok koşu daha "
    "yükseğini gösteriyorsa o alınır."
)
TOO_SHORT = "{least} koşudan az, değişim noktası aramaya yetmez"
ALIKE = "Orada değişenler bunun nedeni olabilir de olmayabilir de: `nox -s ab` iki sürümü tek koşuda ölçer ve söyler."

# -- names

MODEL_NAME = "{name} modeli"
THREADS_LEFT = "iş parçacıkları yığına bırakıldı"
PROMPT_SET = "{name}. istem kümesi"

# -- what stands before any figure

NO_RUN = "koşu yok"
HEADING = "{runs} ({span}), {cells}"
OF_DAY = "{day} günü"
FROM_TO = "{first} ile {last} arası"
SIMULATED = "benzetim: bu gecikmelerin bir kısmı ya da hepsi oynatıldı, hiçbir model çalışmadı"
UNFINISHED = "sonu olmayan: {runs}{more}; ya hâlâ yazılıyor ya da zorla sonlandırıldı; ölçüldüğü kadarıyla alındı"
LOST = "bütün blokları ölçülmeyen koşular: {runs}{more}; bu noktalar geriye kalan bloklara dayanıyor"
LOST_RUN = "{run}: {cells}"
VARIANTS = "çeşitler bir geçmişin parçası değildir ({runs}); onları `nox -s compare` gösterir"
NEW_PROMPTS = (
    "öncekilerden başka istemlerin ilk sorulduğu yer: {places}{more}; bu uzunluklardaki hücrelerin her istem kümesi "
    "için ayrı bir serisi vardır ve bir kümeden ötekine değişiklik aranmaz"
)
NEW_PROMPTS_PLACE = "{run} ({day}; {lengths} istem belirteci, {name})"
NOTHING = "bu koşularda hiçbir şey ölçülmedi"
AND_MORE = " ve {count} tane daha"

LEFT_OUT = "dışarıda bırakıldı:"
LEFT_OUT_TWIN = "dışarıda bırakıldı: {folder}, şununla aynı koşudur: {twin}"
LEFT_OUT_OTHERS = "dışarıda bırakıldı: başka makinelerden {runs}; --machine ile gösterilir"
LEFT_OUT_UNDATED = "dışarıda bırakıldı: {folder}, ne zaman ölçüldüğünü söylemiyor"

# -- what came out

NO_CHANGE = "{runs} boyunca {series} incelendi: değişim noktası yok."
NOT_LOOKED = (
    "{series} için değişim noktası aranmadı: bir hücrenin {least} koşusu gerekir, bunların en uzununda ise {longest} "
    "tane var; `nox -s bench` ile yeniden ölçün."
)
ANY_SERIES = "Hiçbir seri"
SOME_SERIES = "{every} serinin {short} tanesi"
TURN = "{before} ({before_day}) ile {after} ({after_day}) koşuları arasında: {moves}. {cause}"
MOVE = "{cells} {by} {way}"
WAYS = {"slower": "yavaşladı", "faster": "hızlandı"}
CELLS_OF = "{metric}, {cells} içinden {count} tanesinde{some}"
BETWEEN = "%{low} ile %{high} arası"
SHARE = "%{share}"
ELSEWHERE = "bu hücrelerin kullanmadığı sanal ortamlarda {packages} değişmiş"
NOTHING_CHANGED = "Kaydedilenlerden hiçbiri burada değişmedi{but}."
BUT = ", ama {other}"
CHANGED_THERE = "Orada değişenler: {changes}{more}.{beside}"
BESIDE = " Bunun dışında {other}."
ADDED = "{what} {version} eklendi"
REMOVED = "{what} {version} kaldırıldı"
IN_VENVS = " ({venvs} içinde)"
DRIFTED = (
    "{first} ile {last} arasında yavaş yavaş {way}: {parts}. Bir sürüklenmeyi tek bir değişiklik açıklamaz; büyüyen ya "
    "da yaşlanan bir şey arayın (ısı, toz, dolan disk, başka programlar)."
)
DRIFT = "{cells} {by}"
SLOWLY = "yavaş yavaş"
AT_TURN = "{turn} numarada"

# -- the page

TITLE = "Geçmiş"
OF_MACHINE = "– {machine}"
OVERLINE = "bir makinenin bütün koşuları"
MACHINE_ID = "makine {id}"
NAV = {
    "answer": "Yanıt",
    "charts": "Grafikler",
    "figures": "Sayılar",
    "runs": "Koşular",
    "reading": "Nasıl okunur",
}
AS_TABLE = "{runs}, tablo olarak"
RUN, DATE, BLOCKS, CELL, METRIC, RUNS, LEVELS = "koşu", "tarih", "bloklar", "hücre", "ölçüt", "koşular", "düzeyler"
ID, MODEL, CELLS, END = "kimlik", "model", "hücreler", "sonu"
INTERVAL = "%95"
LEGEND = {
    "run": "%95 aralığıyla bir koşu",
    "open": "sonu olmayan bir koşu",
    "level": "düzey",
    "turn": "değişim noktası, yukarıdaki numarasıyla",
}
CHARTS_NOTE = (
    "Dikey: milisaniye, logaritmik, sıfırdan başlamaz; az olan daha hızlıdır. Yatay: sırasıyla koşular. Koşuların "
    "birbirinden uzaklığından çok daha geniş olan bir aralık kesilir."
)
GROUPS = {"changed": "Değişenler", "unchanged": "Değişim noktası olmayanlar"}
NOT_DRAWN = "Çizilmeyen seriler: {count}; tabloda hepsi, history.json içinde her birinin bütün koşuları var."
FIGURES_LABEL = "Bütün serilerin sayıları"
NEWEST = "en yeni koşu"
DIFFER_BY = ("koşular arası fark", "düzey çevresindeki standart sapma")
NO_END = "yok: ya hâlâ yazılıyor ya da zorla sonlandırıldı"
LEAST_CALLED = "{threshold} değerinden küçük bir değişiklik belirtilmez."
READING = (
    "Düzey, iki değişim noktası arasındaki koşuların geometrik ortalamasıdır. Bir koşunun aralığı, içinde değişeni "
    "kapsar, koşudan koşuya değişeni kapsamaz; bunun ne kadar olduğunu sayıların son sütunu söyler.",
    "Bir koşuda bütün hücrelerin ortak yanına ve her hücrenin ondan farkına, ölçütün en az beş hücresi varsa, ayrı "
    "ayrı bakılır: yavaşlayan makine birincisinde, yavaşlayan yığın ikincisinde bulunur. İkisi de yalnızca "
    "kendi düzeyi de değişmiş hücreler için söylenir.",
    "“Orada değişenler”, iki koşunun farklı kaydettiklerini sıralar: her yığının ortamındaki paketler, sürücüler, "
    "sistem çekirdeği, sistem, güç, bu projenin işlemesi (commit) ve kaç kez sorulduğu. Kaydedilmeyenler (bellenim, "
    "ısı, başka programlar) da bunun nedeni olabilir.",
)
CHART_LABEL = "koşular boyunca {metric}, ms, tablodaki gibi"

# -- history.md

MARKDOWN_TITLE = "Makinenin geçmişi: {id}"
MARKDOWN_HEADS = ("ölçüt", "hücre", "koşular", "düzeyler", "en yeni, ms (%95)", "koşular arası fark")
MORE_ROWS = "{count} satır daha history.json içinde."
