// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text;
using Capbox.Packets.Custody;
using Capbox.Packets.Pcapng;

namespace Capbox.Testing;

/// <summary>An archive of small files with segment names, and a key. Custody looks at bytes, not at packets.</summary>
internal sealed class CustodyArchive : IDisposable
{
    private readonly TestDirectory _directory = new();

    public CustodyArchive()
    {
        Root = Path.Combine(_directory.Path, "archive");
        Directory.CreateDirectory(Root);
        KeyFile = NewKey("custody.key");
    }

    public string Root { get; }

    public string KeyFile { get; }

    public string ChainPath => ChainFile.PathIn(Root);

    public static string NameOf(int sequence) => new SegmentName("20261123T083000.123456789Z", (ulong)sequence, InProgress: false).ToString();

    public string PathOf(int sequence) => Path.Combine(Root, NameOf(sequence));

    public string NewKey(string name)
    {
        string path = Path.Combine(_directory.Path, name);
        ChainKey.Create(path).Dispose();
        return path;
    }

    public string Add(int sequence, int bytes = 5000)
    {
        byte[] content = new byte[bytes];
        new Random(sequence).NextBytes(content);
        File.WriteAllBytes(PathOf(sequence), content);
        return PathOf(sequence);
    }

    /// <summary>Adds segments and seals them in one go.</summary>
    public SealReport Seal(params int[] sequences)
    {
        foreach (int sequence in sequences)
            Add(sequence);
        return SealAll(KeyFile);
    }

    public SealReport SealAll(string keyFile)
    {
        using var key = ChainKey.LoadPrivate(keyFile);
        return OfflineSealer.Seal(Root, key, null, CancellationToken.None);
    }

    public SealReport Rotate(string from, string to)
    {
        using var key = ChainKey.LoadPrivate(from);
        using var next = ChainKey.LoadPrivate(to);
        return OfflineSealer.Rotate(Root, key, next);
    }

    /// <summary>The tombstone and the deletion, as retention does it.</summary>
    public void Delete(int sequence, string reason = "retention")
    {
        using (var key = ChainKey.LoadPrivate(KeyFile))
        using (var chain = ChainFile.Open(Root, key))
            chain.AddDeletion((ulong)sequence, reason);
        File.Delete(PathOf(sequence));
    }

    public ChainReport Verify(string? keyFile = null, string? head = null)
    {
        using var key = ChainKey.LoadPublic(keyFile ?? KeyFile + ".pub");
        return ChainVerifier.Verify(Root, key, head);
    }

    public string[] Lines() => File.ReadAllLines(ChainPath);

    public void WriteLines(IEnumerable<string> lines) => File.WriteAllText(ChainPath, string.Concat(lines.Select(line => line + "\n")), new UTF8Encoding(false));

    /// <summary>Replaces one line, counted from 1 as entries are.</summary>
    public void Edit(int number, Func<string, string> edit)
    {
        string[] lines = Lines();
        string edited = edit(lines[number - 1]);
        if (edited == lines[number - 1])
            throw new InvalidOperationException("the edit changed nothing");
        lines[number - 1] = edited;
        WriteLines(lines);
    }

    /// <summary>Writes an entry anew with another key's right signature, as an insider with the wrong key would.</summary>
    public void Resign(int number, string keyFile, Func<ChainEntry, ChainEntry> change)
    {
        using var key = ChainKey.LoadPrivate(keyFile);
        Edit(number, line =>
        {
            ChainEntry entry = ChainEntry.TryParse(Encoding.UTF8.GetBytes(line + "\n"), out _)!;
            entry = change(entry) with { Signature = "" };
            entry = entry with { Signature = Convert.ToBase64String(key.Sign(entry.ToLine())) };
            return Encoding.UTF8.GetString(entry.ToLine()).TrimEnd('\n');
        });
    }

    public void Dispose() => _directory.Dispose();
}
