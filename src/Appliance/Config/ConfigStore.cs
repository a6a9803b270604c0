// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Capbox.Platform.Json;
using Capbox.Platform.Linux;

namespace Capbox.Config;

/// <summary>
/// The documents of a box, as files in a directory: <c>revision-N.json</c> for the last <see cref="MaxRevisions"/>, and <c>state.json</c>,
/// which tells the one in force. Each is replaced as a whole and synced, so that
/// whenever the box dies the one or the other is there. What is broken is passed over, loudly: then the newest good document is in force,
/// at worst the built-in one. One process at a time.
/// </summary>
public sealed class ConfigStore : IDisposable
{
    public const int MaxRevisions = 50;

    /// <summary>Where a box keeps them if nothing is said.</summary>
    public const string DefaultDirectory = "/var/lib/capbox-state";

    /// <summary>
    /// Nothing is recorded until somebody says what, and nothing is deleted: it is also in force when every other document was lost.
    /// </summary>
    public const string FactoryDocument = """{"ports":[]}""";

    private const string StateName = "state.json", LockName = "lock";
    private readonly string _directory;
    private readonly FileStream _lock;
    private readonly List<string> _notes = [];

    private ConfigStore(string directory, FileStream locked) => (_directory, _lock, State, Current) = (directory, locked, null!, null!);

    /// <summary>What is in force.</summary>
    public ConfigState State { get; private set; }

    /// <summary>The revision in force.</summary>
    public ConfigRevision Current { get; private set; }

    /// <summary>The document that was in force was found broken at the start, and another is.</summary>
    public bool IsPassedOver { get; private set; }

    /// <summary>What was found broken at the start, one line each.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <param name="directory">Made if it is missing.</param>
    /// <param name="seed">The first revision of a box that has none; null: the built-in document.</param>
    /// <exception cref="IOException">It cannot be used, or another process uses it; the message names it.</exception>
    public static ConfigStore Open(string directory, byte[]? seed = null)
    {
        FileStream locked;
        try
        {
            Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            locked = new FileStream(Path.Combine(directory, LockName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{directory}: {e.Message}", e);
        }
        catch (IOException e)
        {
            throw new IOException($"{directory}: in use by another capbox, or not usable: {e.Message}", e);
        }

        var store = new ConfigStore(directory, locked);
        try
        {
            store.Load(seed);
            return store;
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    public void Dispose() => _lock.Dispose();

    /// <summary>Called after each file is in place: where a test lets the box die.</summary>
    internal Action? Written { get; set; }

    /// <summary>Numbers of the revisions that are kept, newest first.</summary>
    public IReadOnlyList<long> Numbers() =>
        [.. Directory.EnumerateFiles(_directory, "revision-*.json").Select(NumberOf).OfType<long>().OrderDescending()];

    /// <summary>A revision, or null and why not.</summary>
    public ConfigRevision? TryRead(long number, out string? problem)
    {
        string path = PathOf(number);
        try
        {
            ConfigRevision? revision = JsonSerializer.Deserialize(File.ReadAllBytes(path), ConfigStoreJson.Default.ConfigRevision);
            problem = revision is null || revision.Revision != number ? "is not what its name says"
                : Digest(revision.Line) != revision.Sha256 ? "its document is not what was stored: the digest differs"
                : null;
            if (problem is null)
                return revision;
            problem = $"{path}: {problem}";
        }
        catch (FileNotFoundException)
        {
            problem = $"there is no revision {number.ToString(CultureInfo.InvariantCulture)}; there are {string.Join(", ", Numbers())}";
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            problem = $"{path}: damaged: {(e is JsonException json ? JsonErrorText.Describe(json) : e.Message)}";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            problem = e.Message;
        }

        return null;
    }

    /// <summary>Stores a document as the next revision; it is not in force by that.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public ConfigRevision Add(JsonElement document, long version, string id, string who, string why, DateTimeOffset now)
    {
        long number = Math.Max(State?.Last ?? 0, Numbers().Prepend(0).Max()) + 1;
        string when = now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'", CultureInfo.InvariantCulture);
        var revision = new ConfigRevision(number, version, id, who, when, why, Digest(ConfigText.ToLine(document))) { Config = document };
        FileSystem.ReplaceFile(PathOf(number), JsonSerializer.SerializeToUtf8Bytes(revision, ConfigStoreJson.Default.ConfigRevision));
        Written?.Invoke();
        Prune(number);
        return revision;
    }

    /// <summary>This is in force from now on, also after a restart.</summary>
    /// <exception cref="IOException">It cannot be written: what was in force still is.</exception>
    public void Save(ConfigRevision current, ConfigState state)
    {
        FileSystem.ReplaceFile(Path.Combine(_directory, StateName), JsonSerializer.SerializeToUtf8Bytes(state, ConfigStoreJson.Default.ConfigState));
        (Current, State) = (current, state);
        Written?.Invoke();
    }

    internal static string Digest(string line) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(line)));

    private void Load(byte[]? seed)
    {
        ConfigState? state = ReadState();
        IReadOnlyList<long> numbers = Numbers();
        // The one in force, else what a trial would fall back to, else the newest that is good.
        long[] candidates = state is null ? [.. numbers] : [state.Revision, .. state.Trial is { } trial ? new[] { trial.Fallback } : [], .. numbers.Where(n => n < state.Revision), .. numbers.Where(n => n > state.Revision)];
        foreach (long number in candidates)
        {
            if (TryRead(number, out string? problem) is { } revision && IsGood(revision, out problem))
            {
                if (state is not null && number == state.Revision)
                    (Current, State) = (revision, state);
                else
                    SaveFoundInstead(revision, state, numbers);
                return;
            }

            _notes.Add(problem!);
        }

        Begin(seed, numbers.Count > 0 || state is not null);
    }

    private void SaveFoundInstead(ConfigRevision revision, ConfigState? state, IReadOnlyList<long> numbers)
    {
        _notes.Add($"{_directory}: revision {revision.Revision.ToString(CultureInfo.InvariantCulture)} is in force, the newest good one");
        IsPassedOver = state is not null;
        Save(revision, new ConfigState(
            revision.Revision, Math.Max(state?.Last ?? 0, numbers.Count > 0 ? numbers[0] : 0), Math.Max(state?.HighestVersion ?? 0, revision.Version),
            new ConfigOutcome(revision.Version, revision.Id, state is null ? ConfigStatus.Applied : ConfigStatus.RolledBack, [.. _notes.Select(n => new ConfigError("$", n))]), null));
    }

    private void Begin(byte[]? seed, bool isLost)
    {
        if (isLost)
            _notes.Add($"{_directory}: no good document is left; the first one is in force again");
        ConfigResult document = ConfigDocument.Parse(seed ?? Encoding.UTF8.GetBytes(FactoryDocument));
        ConfigRevision first = Add(document.Document, 0, "factory", "factory", isLost ? "no good document was left" : "first start", DateTimeOffset.UtcNow);
        Save(first, new ConfigState(first.Revision, first.Revision, 0, new ConfigOutcome(0, "factory", ConfigStatus.Applied, []), null));
    }

    private ConfigState? ReadState()
    {
        string path = Path.Combine(_directory, StateName);
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), ConfigStoreJson.Default.ConfigState) is { Outcome: not null } state
                ? state
                : throw new JsonException("is empty");
        }
        catch (FileNotFoundException)
        {
            return null;
        }
        catch (JsonException e)
        {
            _notes.Add($"{path}: damaged: {JsonErrorText.Describe(e)}");
            return null;
        }
    }

    /// <summary>A document of another version of this program may not be good any more.</summary>
    private bool IsGood(ConfigRevision revision, out string? problem)
    {
        ConfigResult result = ConfigDocument.ReadKept(revision.Config);
        problem = result.Options is null ? $"{PathOf(revision.Revision)}: {result.Errors[0]}" : null;
        return problem is null;
    }

    private void Prune(long newest)
    {
        long[] needed = [newest, State?.Revision ?? newest, State?.Trial?.Fallback ?? newest, State?.Trial?.Proved ?? newest];
        foreach (long number in Numbers().Skip(MaxRevisions).Where(n => !needed.Contains(n)))
            File.Delete(PathOf(number));
    }

    private string PathOf(long number) => Path.Combine(_directory, $"revision-{number.ToString("D10", CultureInfo.InvariantCulture)}.json");

    private static long? NumberOf(string path) =>
        long.TryParse(Path.GetFileNameWithoutExtension(path).AsSpan("revision-".Length), NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
}
