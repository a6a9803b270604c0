// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Globalization;
using System.Text;
using System.Text.Json;
using Capbox.Packets.Pcapng;

namespace Capbox.Packets.Custody;

/// <summary>Kind of an entry of the chain; docs/internals/custody.md has the format.</summary>
public enum EntryKind
{
    /// <summary>The first entry: names the archive and the key.</summary>
    Genesis,

    /// <summary>A sealed segment and its digest.</summary>
    Segment,

    /// <summary>The tombstone of a segment that is about to be deleted.</summary>
    Deletion,

    /// <summary>A segment that was sealed and vanished before it could be digested.</summary>
    Missing,

    /// <summary>Another key takes over.</summary>
    Key,
}

/// <summary>
/// One line of chain.jsonl. There is exactly one way to write an entry, so the line itself is the canonical form that is signed:
/// <see cref="TryParse"/> refuses every line that <see cref="ToLine"/> would not write byte for byte.
/// </summary>
internal sealed record ChainEntry
{
    /// <summary>Longest line with its newline; a reason is cut to fit.</summary>
    public const int MaxLineBytes = 4096;
    public const int FormatVersion = 1;
    public const string NoHash = "0000000000000000000000000000000000000000000000000000000000000000";
    private const int MaxReason = 256;
    private const int ArchiveIdLength = 32;
    private const string SignatureMember = ",\"signature\":\"";
    private const string AcceptedMember = ",\"accepted\":\"";
    private static readonly string[] s_kinds = ["genesis", "segment", "deletion", "missing", "key"];
    private static readonly UTF8Encoding s_utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Counts from 1 without a gap.</summary>
    public required ulong Number { get; init; }
    public required EntryKind Kind { get; init; }

    /// <summary>The system's clock when the entry was made, RFC 3339.</summary>
    public required string Time { get; init; }

    /// <summary>SHA-256 of the line before, newline included.</summary>
    public required string Previous { get; init; }

    /// <summary>Genesis: random, so that two archives under one key differ.</summary>
    public string Archive { get; init; } = "";

    /// <summary>Genesis and key: SubjectPublicKeyInfo in DER, base64.</summary>
    public string PublicKey { get; init; } = "";

    /// <summary>
    /// Key: signature of the new key over what stands before it in the line, so that a key takes over nothing that its holder did not see.
    /// </summary>
    public string Accepted { get; init; } = "";

    /// <summary>Segment, deletion, missing: the segment's number.</summary>
    public ulong Sequence { get; init; }

    /// <summary>Segment: the highest number below its own that has an entry, 0 if none.</summary>
    public ulong After { get; init; }
    public string File { get; init; } = "";
    public ulong Bytes { get; init; }

    /// <summary>Segment and deletion: SHA-256 of the whole file as it was sealed.</summary>
    public string Sha256 { get; init; } = "";

    /// <summary>Deletion: number of the segment's entry.</summary>
    public ulong Entry { get; init; }
    public string Reason { get; init; } = "";

    /// <summary>Id of the key that signs.</summary>
    public required string Key { get; init; }
    public string Signature { get; init; } = "";

    /// <summary>Text that can be a reason: one line, bounded, valid Unicode.</summary>
    public static string CleanReason(string text)
    {
        var clean = new StringBuilder(Math.Min(text.Length, MaxReason));
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (clean.Length + rune.Utf16SequenceLength > MaxReason)
                break;
            clean.Append(Rune.IsControl(rune) ? " " : rune.ToString());
        }

        return clean.ToString().Trim();
    }

    /// <summary>The bytes that the signature is over: the line up to its last member.</summary>
    public static ReadOnlySpan<byte> SignedPart(ReadOnlySpan<byte> line) => Before(line, SignatureMember);

    /// <summary>The bytes that the new key of a key entry has signed.</summary>
    public static ReadOnlySpan<byte> AcceptedPart(ReadOnlySpan<byte> line) => Before(line, AcceptedMember);

    /// <summary>The whole line with its newline; with an empty signature (or acceptance) all that comes before that member.</summary>
    public byte[] ToLine()
    {
        var text = new StringBuilder(768);
        text.Append(CultureInfo.InvariantCulture,
            $"{{\"number\":{Number},\"kind\":\"{s_kinds[(int)Kind]}\",\"time\":\"{Time}\",\"previous\":\"{Previous}\"");
        if (!WriteMembers(text))
            return s_utf8.GetBytes(text.ToString());
        text.Append(",\"key\":\"").Append(Key).Append('"');
        if (Signature.Length > 0)
            text.Append(SignatureMember).Append(Signature).Append("\"}\n");
        return s_utf8.GetBytes(text.ToString());
    }

    /// <summary>Reads a line with its newline; null and the reason for anything that is not exactly an entry.</summary>
    public static ChainEntry? TryParse(ReadOnlySpan<byte> line, out string reason)
    {
        reason = "not an entry of a chain";
        if (line.Length == 0 || line[^1] != '\n' || line.Length > MaxLineBytes)
            return null;
        try
        {
            ChainEntry? entry = Read(line[..^1]);
            if (entry is null || !entry.IsWellFormed())
                return null;
            if (!entry.ToLine().AsSpan().SequenceEqual(line))
            {
                reason = "not in the canonical form";
                return null;
            }

            return entry;
        }
        catch (Exception e) when (
            e is JsonException or InvalidOperationException or FormatException or OverflowException or ArgumentException)
        {
            return null;
        }
    }

    private bool WriteMembers(StringBuilder text)
    {
        switch (Kind)
        {
            case EntryKind.Genesis:
                text.Append(CultureInfo.InvariantCulture,
                    $",\"version\":{FormatVersion},\"archive\":\"{Archive}\",\"publicKey\":\"{PublicKey}\"");
                break;
            case EntryKind.Segment:
                text.Append(CultureInfo.InvariantCulture,
                    $",\"sequence\":{Sequence},\"after\":{After},\"file\":\"{Escape(File)}\",\"bytes\":{Bytes},\"sha256\":\"{Sha256}\"");
                break;
            case EntryKind.Deletion:
                text.Append(
                    CultureInfo.InvariantCulture,
                    $",\"sequence\":{Sequence},\"file\":\"{Escape(File)}\",\"entry\":{Entry},\"sha256\":\"{Sha256}\",\"reason\":\"{Escape(Reason)}\"");
                break;
            case EntryKind.Missing:
                text.Append(CultureInfo.InvariantCulture, $",\"sequence\":{Sequence},\"file\":\"{Escape(File)}\"");
                break;
            case EntryKind.Key:
                text.Append(",\"publicKey\":\"").Append(PublicKey).Append('"');
                if (Accepted.Length == 0)
                    return false;
                text.Append(AcceptedMember).Append(Accepted).Append('"');
                break;
        }

        return true;
    }

    private static ReadOnlySpan<byte> Before(ReadOnlySpan<byte> line, string member)
    {
        // In a JSON string the quotes would be escaped, so this cannot be found inside one.
        int at = line.LastIndexOf(Encoding.ASCII.GetBytes(member));
        return at < 0 ? line : line[..at];
    }

    private static ChainEntry? Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 1 });
        var entry = new ChainEntry { Number = 0, Kind = 0, Time = "", Previous = "", Key = "" };
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
            return null;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            ChainEntry? next = reader.TokenType switch
            {
                JsonTokenType.Number => With(entry, name, reader.GetUInt64()),
                JsonTokenType.String => With(entry, name, reader.GetString()!),
                _ => null,
            };
            if (next is null)
                return null;
            entry = next;
        }

        return reader.TokenType == JsonTokenType.EndObject && !reader.Read() ? entry : null;
    }

    private static ChainEntry? With(ChainEntry entry, string name, ulong value) => name switch
    {
        "number" => entry with { Number = value },
        "version" => value == FormatVersion ? entry : null,
        "sequence" => entry with { Sequence = value },
        "after" => entry with { After = value },
        "bytes" => entry with { Bytes = value },
        "entry" => entry with { Entry = value },
        _ => null,
    };

    private static ChainEntry? With(ChainEntry entry, string name, string value) => name switch
    {
        "kind" => Array.IndexOf(s_kinds, value) is >= 0 and int kind ? entry with { Kind = (EntryKind)kind } : null,
        "time" => entry with { Time = value },
        "previous" => entry with { Previous = value },
        "archive" => entry with { Archive = value },
        "publicKey" => entry with { PublicKey = value },
        "accepted" => entry with { Accepted = value },
        "file" => entry with { File = value },
        "sha256" => entry with { Sha256 = value },
        "reason" => entry with { Reason = value },
        "key" => entry with { Key = value },
        "signature" => entry with { Signature = value },
        _ => null,
    };

    private bool IsWellFormed() =>
        IsHex(Previous, NoHash.Length) && IsHex(Key, NoHash.Length) && Signature.Length > 0 && IsTime(Time) && Reason == CleanReason(Reason)
        && IsBase64(Signature) && IsBase64(PublicKey) && IsBase64(Accepted)
        && (Kind is not (EntryKind.Segment or EntryKind.Deletion) || IsHex(Sha256, NoHash.Length))
        && (Kind != EntryKind.Genesis || IsHex(Archive, ArchiveIdLength))
        && (Kind != EntryKind.Key || Accepted.Length > 0)
        && (Kind is EntryKind.Genesis or EntryKind.Key || IsSegmentName());

    private bool IsSegmentName() =>
        SegmentName.TryParse(File, out SegmentName name) && !name.InProgress && name.Sequence == Sequence && Sequence > 0
            && !File.Contains('/', StringComparison.Ordinal);

    private static bool IsHex(string text, int length) => text.Length == length && text.All(char.IsAsciiHexDigitLower);

    /// <summary>
    /// In the one form that these bytes have: no blanks, and the bits that padding leaves over are 0 (RFC 4648, 3.5). A decoder would take
    /// others too.
    /// </summary>
    private static bool IsBase64(string text)
    {
        Span<byte> bytes = stackalloc byte[MaxLineBytes];
        return Convert.TryFromBase64String(text, bytes, out int length) && Convert.ToBase64String(bytes[..length]) == text;
    }

    private static bool IsTime(string text) =>
        text.Length == 30 && text[19] == '.' && text[29] == 'Z' && text.AsSpan(20, 9).IndexOfAnyExceptInRange('0', '9') < 0
        && DateTime.TryParseExact(text.AsSpan(0, 19), "yyyy-MM-dd'T'HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.None, out _);

    private static string Escape(string text) => text.Replace("\\", "\\\\", StringComparison.Ordinal)
        .Replace("\"", "\\\"", StringComparison.Ordinal);
}
