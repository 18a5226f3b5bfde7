"""The page in a headless Chromium: hover, filter, lasso, export, keyboard, dark mode, a phone."""

import csv
import shutil
import subprocess
import time

import numpy as np
import pandas as pd
import pytest
from hostile_page import CLASSES, COLUMNS

import skdec
from skdec._report.content import Clustering, build_content
from skdec.tables._preparer import clean_table

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is in the extra test")
ui = pytest.importorskip("selenium.webdriver.support.ui")
ActionChains, By, Keys = webdriver.ActionChains, webdriver.common.by.By, webdriver.Keys

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHROMEDRIVER = shutil.which("chromedriver")
OPTIONS = ["headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync"]
OPTIONS += ["disable-background-networking", "disable-component-update"]
N_CLUSTERS = 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        CHROMIUM is None or CHROMEDRIVER is None, reason="chromium or chromedriver is not installed"
    ),
]


class Browser(webdriver.Chrome):
    """Chromium with the elements of the page at hand."""

    def find(self, selector):
        return self.find_element(By.CSS_SELECTOR, selector)

    def find_all(self, selector):
        return self.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector):
        return self.find(selector).text

    def evaluate(self, expression):
        return self.execute_script(f"return {expression}")

    def wait_for(self, condition):
        return ui.WebDriverWait(self, 20).until(lambda _: condition())

    def emulate(self, *, width=1280, height=1000, dark=False):
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce"},  # no smooth scrolling
        ]
        self.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def place_of(self, row):
        """Return the position of a sample within the plot, in pixels from its middle."""
        x, y, width, height = self.execute_script(
            """
            const plot = document.getElementById("plot"), { xaxis, yaxis } = plot.layout;
            const { x, y } = plot.data[0], row = arguments[0];
            const place = (value, [low, high], size) =>
              ((value - low) / (high - low)) * (size - 8) + 4;
            return [place(x[row], xaxis.range, plot.clientWidth),
                    plot.clientHeight - place(y[row], yaxis.range, plot.clientHeight),
                    plot.clientWidth, plot.clientHeight];
            """,
            row,
        )
        return round(x - width / 2), round(y - height / 2)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    folder = tmp_path_factory.mktemp("profile")
    for option in (*OPTIONS, f"user-data-dir={folder}"):
        options.add_argument(f"--{option}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with Browser(options=options, service=webdriver.ChromeService(CHROMEDRIVER)) as browser:
        downloads = tmp_path_factory.mktemp("downloads")
        browser.execute_cdp_cmd(
            "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(downloads)}
        )
        browser.downloads = downloads
        yield browser


@pytest.fixture(scope="module")
def pages(built, mixed_model, mixed_table, random, tmp_path_factory):
    """Pages of hostile names, of a table of words, dates and gaps, and of a comparison.

    The last one has 30 clusters of images.
    """
    folder = tmp_path_factory.mktemp("pages")
    built.to_html(folder / "hostile.html")
    page = skdec.report(mixed_model, mixed_table, ids=mixed_table["id"])
    page.to_html(folder / "mixed.html")
    centers = random(0).random((N_CLUSTERS, 16))
    y = np.repeat(np.arange(N_CLUSTERS), 20)
    X = centers[y] + random(1).normal(0, 0.05, (len(y), 16))
    methods = ("kmeans", "dec")
    tiny = {"dims": (32, 5), "pretrain_epochs": 10, "max_iter": 20, "random_state": 0}
    skdec.compare(X, y, methods=methods, **tiny).to_html(folder / "images.html", image_shape=(4, 4))
    return folder


@pytest.fixture
def open_page(browser, pages):
    def open_page(name, **emulation):
        browser.emulate(**emulation)
        for kind in ("browser", "performance"):
            browser.get_log(kind)  # what earlier pages have logged
        browser.get(f"file://{pages / name}.html")
        browser.wait_for(lambda: browser.evaluate("document.querySelectorAll('.card').length"))
        browser.wait_for(lambda: browser.evaluate("!!document.querySelector('#plot canvas')"))
        return browser

    return open_page


def read_counts(browser):
    """Return how many samples are shown and how many are selected."""
    numbers = [
        int(word.replace(",", "")) for word in browser.text("#counts").split() if word[0].isdigit()
    ]
    return numbers[0], (numbers[2] if len(numbers) > 2 else 0)


def format_value(value):
    return "" if pd.isna(value) else str(value)


def read_download(browser):
    """Click the button, and return the lines of the file that Chromium then has written."""
    browser.find("#export").click()
    path = browser.downloads / "samples.csv"
    browser.wait_for(path.exists)  # renamed when it is complete
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    path.unlink()
    return lines


def test_names_stay_text_and_nothing_is_loaded(open_page):
    browser = open_page("hostile")
    assert browser.title == "<script>alert(3)</script>"
    assert browser.text("h1") == "<script>alert(3)</script>"
    assert not browser.find_all("main b, main script")
    headings = [cell.get_attribute("title") for cell in browser.find_all(".matrix tbody th")]
    assert headings == sorted(CLASSES)
    shown = {cell.text for cell in browser.find_all(".card:first-child .profile th")}
    assert shown == set(COLUMNS)
    ui.Select(browser.find("#coloring")).select_by_visible_text("class")
    names = [text.text for text in browser.find_all("#plot .annotation-text")]
    assert sorted(names) == sorted(CLASSES)
    messages = [entry["message"] for entry in browser.get_log("browser")]
    assert not [message for message in messages if "WebGL" not in message]
    requested = [entry["message"] for entry in browser.get_log("performance")]
    assert not [message for message in requested if '"url":"http' in message]


def test_a_sample_is_shown_under_the_pointer(open_page, fitted, table, classes):
    browser = open_page("hostile")
    plot = browser.find("#plot")
    browser.execute_script("arguments[0].scrollIntoView()", plot)
    for row in (0, 7):
        x, y = browser.place_of(row)
        actions = ActionChains(browser).move_to_element_with_offset(plot, x + 9, y + 9)
        actions.move_by_offset(-5, -5).move_by_offset(-4, -4).perform()
        browser.wait_for(lambda: len(browser.find_all("#details table")) == 2)
        sample = int(browser.find("#sample").get_attribute("value"))
        text = browser.text("#details")
        assert f"cluster {fitted.labels_[sample]}" in text
        assert f"class {classes[sample]}" in text
        confidence = fitted.predict_proba(table.to_numpy()).max(axis=1)[sample]
        assert f"confidence {confidence:.3f}" in text
        assert f"plain {float(table['plain'][sample])!r}" in text


def test_groups_and_confidence_are_filters(open_page, fitted, table):
    browser = open_page("hostile")
    assert read_counts(browser) == (150, 0)
    browser.find_all("#groups input")[1].click()
    n_first = np.count_nonzero(fitted.labels_ == 1)
    assert read_counts(browser) == (150 - n_first, 0)
    browser.find("#no-groups").click()
    assert read_counts(browser) == (0, 0)
    browser.find("#reset").click()
    confidence = fitted.predict_proba(table.to_numpy()).max(axis=1)
    least = float(np.median(confidence).round(2))
    browser.execute_script(
        "const slider = document.getElementById('confidence'); slider.value = arguments[0];"
        "slider.dispatchEvent(new Event('input')); slider.dispatchEvent(new Event('change'))",
        least,
    )
    least = float(browser.find("#confidence").get_attribute("value"))
    assert read_counts(browser) == (np.count_nonzero(confidence >= least), 0)
    browser.find("#reset").click()
    assert read_counts(browser) == (150, 0)
    browser.find(".card:nth-child(2) .top button").click()
    assert read_counts(browser) == (n_first, 0)


def test_all_samples_or_a_lasso_are_exported(open_page, fitted, table, classes):
    browser = open_page("hostile")
    lines = read_download(browser)
    assert [int(line["sample"]) for line in lines] == list(range(150))
    assert [line["cluster"] for line in lines] == fitted.labels_.astype(str).tolist()
    assert [line["class"] for line in lines] == classes.tolist()
    for name in COLUMNS:
        assert [float(line[name]) for line in lines] == table[name].tolist()
    browser.find("input[value=lasso]").click()
    plot = browser.find("#plot")
    browser.execute_script("arguments[0].scrollIntoView()", plot)
    size = plot.size
    corner = -size["width"] // 2 + 10, -size["height"] // 2 + 10
    lasso = ActionChains(browser, duration=30).move_to_element_with_offset(plot, *corner)
    lasso.click_and_hold().move_by_offset(size["width"] - 20, 0)
    lasso.move_by_offset(0, size["height"] // 2).move_by_offset(20 - size["width"], 0).release()
    lasso.perform()
    browser.wait_for(lambda: read_counts(browser)[1])
    n_selected = read_counts(browser)[1]
    assert 0 < n_selected < 150
    selected = read_download(browser)
    assert len(selected) == n_selected
    heights = np.array([float(line["y"]) for line in lines])
    rows = [int(line["sample"]) for line in selected]
    others = np.setdiff1d(np.arange(150), rows)
    assert heights[rows].min() >= heights[others].max()  # the upper half
    browser.find("#reset").click()
    assert read_counts(browser) == (150, 0)


def test_everything_can_be_done_with_the_keyboard(open_page):
    browser = open_page("hostile")
    body = browser.find("body")
    body.send_keys(Keys.TAB)
    assert browser.switch_to.active_element.text == "Skip to the clusters"
    reached = set()
    for _ in range(80):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        element = browser.switch_to.active_element
        reached.add(element.get_attribute("id") or element.get_attribute("aria-label"))
    needed = {"coloring", "confidence", "reset", "export", "sample", "previous", "next"}
    assert needed | {"no-groups", "Show only cluster 0", "Confusion matrix"} <= reached
    number = browser.find("#sample")
    number.send_keys("12")
    number.send_keys(Keys.ARROW_UP)
    assert number.get_attribute("value") == "13"
    browser.find("#next").send_keys(Keys.ENTER)
    assert number.get_attribute("value") != "13"
    browser.find("#previous").send_keys(Keys.ENTER)
    assert number.get_attribute("value") == "13"
    assert browser.evaluate("document.getElementById('plot').data[1].x.length") == 1
    browser.find("#groups input").send_keys(Keys.SPACE)
    assert read_counts(browser)[0] < 150


def test_cards_describe_the_columns_of_a_table(open_page, mixed_model, mixed_table):
    browser = open_page("mixed")
    assert not browser.find_all("main b, main i, main script")
    labels = mixed_model.predict(mixed_table)
    described = skdec.describe_clusters(clean_table(mixed_model, mixed_table), labels)
    for cluster, card in enumerate(browser.find_all(".card")):
        rows = card.find_elements(By.CSS_SELECTOR, ".profile tbody tr")
        expected = described.loc[cluster]
        shown = [row.find_element(By.TAG_NAME, "th").text for row in rows]
        assert shown == expected.index.tolist()
        for row, (_, column) in zip(rows, expected.iterrows(), strict=True):
            typical, overall = row.find_elements(By.CSS_SELECTOR, "td:nth-child(2) div")
            assert typical.text == column["typical"]
            assert overall.text == f"in all: {column['overall']}"
            title = f"{column['difference']:+.2f} standard deviations"
            if isinstance(column["value"], str):
                title += f" of being {column['value']}"
            assert row.get_attribute("title") == title
            bar = row.find_element(By.CSS_SELECTOR, ".positive, .negative")
            sign = "positive" if column["difference"] >= 0 else "negative"
            assert bar.get_attribute("class") == sign


def test_samples_have_their_ids_and_values_of_the_table(open_page, mixed_table):
    browser = open_page("mixed")
    for line, sample in zip(read_download(browser), mixed_table.itertuples(), strict=True):
        assert line["id"] == sample.id
        expected = [format_value(value) for value in sample[2:]]
        assert [line[name] for name in mixed_table.columns[1:]] == expected
    number = browser.find("#sample")
    for row in (5, 30):  # one with gaps
        sample = mixed_table.iloc[row]
        number.clear()
        number.send_keys(sample["id"])
        first, second = browser.find_all("#details table")
        assert first.find_element(By.CSS_SELECTOR, "td").text == sample["id"]
        cells = [cell.text for cell in second.find_elements(By.CSS_SELECTOR, "th, td")]
        shown = dict(zip(cells[::2], cells[1::2], strict=True))
        for name, text in shown.items():
            assert text == format_value(sample[name])
    browser.find(".members button").click()
    assert browser.find(".members button").text.startswith(f"{number.get_attribute('value')} (")


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """The script of axe-core, which checks accessibility."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
    if npm is None:
        pytest.skip("npm is not installed")
    found = subprocess.run([npm, "install", "axe-core"], cwd=folder, timeout=300)
    if found.returncode:
        pytest.skip("axe-core cannot be installed")
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["hostile", "mixed", "images"])
@pytest.mark.parametrize(("width", "dark"), [(400, True), (1280, False)])
def test_the_page_fits_the_screen_and_is_accessible(name, width, dark, open_page, axe):
    """Contrast, order of headings, names of controls and images are among the rules of axe."""
    browser = open_page(name, width=width, dark=dark)
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    for element in browser.find_all("main > section:not([hidden])"):
        assert element.rect["x"] + element.rect["width"] <= width
    browser.execute_script(axe)
    violations = browser.execute_async_script(
        "const done = arguments[0]; axe.run().then(({ violations }) => done(violations.map("
        "({ id, nodes }) => [id, ...nodes.map(({ target }) => target.join(' '))])))"
    )
    assert violations == []
    assert browser.evaluate("document.getElementById('plot').layout.paper_bgcolor") == (
        "#111418" if dark else "#ffffff"
    )


@pytest.mark.parametrize("width", [400, 1000])
def test_cards_are_of_equal_height_and_fill_their_lines(width, open_page):
    browser = open_page("images", width=width)
    cards = [card.rect for card in browser.find_all(".card")]
    grid = browser.find("#cards").rect
    assert len({round(card["height"]) for card in cards}) == 1
    for top in {card["y"] for card in cards}:
        line = [card for card in cards if card["y"] == top]
        assert min(card["x"] for card in line) == pytest.approx(grid["x"], abs=1)
        right = max(card["x"] + card["width"] for card in line)
        assert right == pytest.approx(grid["x"] + grid["width"], abs=1)


def test_what_was_found_is_on_the_first_screen(open_page, mixed_model, mixed_table):
    browser = open_page("mixed", height=800)
    labels = mixed_model.predict(mixed_table)
    names = skdec.name_clusters(clean_table(mixed_model, mixed_table), labels)
    links = browser.find_all("#names a")
    assert [link.text for link in links] == [f"{i}: {name}" for i, name in names.items()]
    assert browser.find("#sentences").rect["y"] < 800
    legend = [label.text for label in browser.find_all("#groups label")]
    sizes = np.bincount(labels)
    assert legend == [f"{i}: {name} ({sizes[i]})" for i, name in names.items()]
    exported = read_download(browser)
    assert [line["cluster_name"] for line in exported] == names[labels].tolist()


def test_a_million_samples_stay_below_10_mb_and_open_quickly(browser, random, tmp_path):
    X = random(0).normal(size=(1_000_000, 2))
    clustering = Clustering(X, (X[:, 0] > 0).astype(int), X, ["a", "b"])
    path = tmp_path / "million.html"
    skdec.Report("million", build_content(clustering)).to_html(path)
    assert path.stat().st_size < 10_000_000
    browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
    browser.get(f"file://{path}")
    browser.wait_for(lambda: browser.evaluate("!!document.querySelector('#plot canvas')"))
    metrics = browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    seconds = {metric["name"]: metric["value"] for metric in metrics}["TaskDuration"]
    assert seconds < 5  # of computing; about one on an idle machine
    assert "a random 50,000 are drawn" in browser.text("#sentences")


def test_thirty_clusters_of_images_with_a_comparison(open_page):
    browser = open_page("images")
    assert len(browser.find_all(".card")) == N_CLUSTERS
    assert len(browser.find_all(".prototype canvas")) == N_CLUSTERS
    rows = [row.text.split()[0] for row in browser.find_all("#comparison tbody tr")]
    assert rows == ["kmeans", "dec"]
    options = [option.text for option in ui.Select(browser.find("#coloring")).options]
    assert options == ["dec", "kmeans", "class", "confidence"]
    for option in options:
        ui.Select(browser.find("#coloring")).select_by_visible_text(option)
        assert read_counts(browser)[0] == 20 * N_CLUSTERS
    color = "document.querySelector('.swatch').style.background"
    light = browser.evaluate(color)
    browser.emulate(dark=True)
    browser.wait_for(lambda: browser.evaluate(color) != light)
    # No names overlap, whichever are shown.
    time.sleep(0.5)
    boxes = [one.rect for one in browser.find_all("#plot .annotation-text")]
    assert len(boxes) == N_CLUSTERS
    for i, one in enumerate(boxes):
        for other in boxes[:i]:
            apart_x = abs(one["x"] - other["x"]) >= min(one["width"], other["width"]) * 0.9
            apart_y = abs(one["y"] - other["y"]) >= min(one["height"], other["height"]) * 0.9
            assert apart_x or apart_y
    # The image of a member is the one that a click on it shows.
    member = browser.find(".card .images button")
    pixels = "Array.from({0}.getContext('2d').getImageData(0, 0, 4, 4).data).join()"
    small = "document.querySelector('.card .images button canvas')"
    browser.wait_for(
        lambda: browser.evaluate(f"new Set({pixels.format(small)}.split(',')).size") > 2
    )
    member.click()
    large = "document.querySelector('#details canvas')"
    browser.wait_for(lambda: browser.evaluate(f"{pixels.format(large)} === {pixels.format(small)}"))
    label = member.get_attribute("title").split(",")[0]
    assert label == f"Sample {browser.find('#sample').get_attribute('value')}"
