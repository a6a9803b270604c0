// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using System.Text.Json;
using Capbox.Changes;
using Capbox.Commands;
using Capbox.Config;
using Capbox.Health;
using Capbox.LocalSocket;
using Capbox.Packets.Capture;
using Capbox.Platform.Time;
using Microsoft.Extensions.Logging.Abstractions;

namespace Capbox.Cli;

/// <summary>Where <c>capbox config</c> asks: the box that runs with these documents, or else the documents themselves, by the same commands.</summary>
internal sealed class ConfigAccess : IDisposable
{
    private readonly ControlClient? _client;
    private readonly ConfigStore? _store;
    private readonly CommandTable? _commands;

    private ConfigAccess(ControlClient client) => _client = client;

    private ConfigAccess(ConfigStore store)
    {
        _store = store;
        _commands = new CommandTable();
        ConfigResult config = ConfigDocument.ReadKept(store.Current.Config);
        var trials = new PendingChanges(store, new SystemClocks());
        ConfigCommands.AddTo(_commands, new Configurator(store, trials, config, new NoBox(), NullLogger.Instance));
    }

    /// <summary>A box runs and answers.</summary>
    public bool IsRunning => _client is not null;

    /// <param name="directory">Of the documents.</param>
    /// <param name="mayBegin">Where there are none, the built-in one is the first.</param>
    /// <exception cref="RequestRefusedException">There are none, or they may not be used.</exception>
    /// <exception cref="IOException">They cannot be used.</exception>
    public static ConfigAccess Open(string directory, bool mayBegin)
    {
        try
        {
            return new ConfigAccess(ControlClient.Connect(directory));
        }
        catch (RequestRefusedException e) when (!e.IsDenied)
        {
            if (!mayBegin && !File.Exists(Path.Combine(directory, "state.json")))
                throw new RequestRefusedException($"{directory}: no configuration is kept there; capbox run --state or capbox config apply begins it", e);
        }

        ConfigStore store = ConfigStore.Open(directory);
        foreach (string note in store.Notes)
            ErrorOutput.Write(note);
        return new ConfigAccess(store);
    }

    /// <summary>One question, one answer: JSON text.</summary>
    /// <exception cref="RequestRefusedException">Refused.</exception>
    public string Ask(string request)
    {
        if (_client is not null)
            return _client.Ask(request);
        using JsonDocument document = JsonDocument.Parse(request);
        return _commands!.Run(new CommandRequest(document.RootElement));
    }

    public void Dispose()
    {
        _client?.Dispose();
        _store?.Dispose();
    }

    /// <summary>Nothing runs: the next start puts in force what is stored.</summary>
    private sealed class NoBox : IRunningBox
    {
        public void Change(ConfigResult next, ConfigPlan plan)
        {
        }

        public void Restart()
        {
        }

        public BoxSnapshot Snapshot() => new(new RecorderSnapshot
        {
            At = DateTimeOffset.UtcNow,
            Uptime = TimeSpan.Zero,
            Ports = [],
            Storage = new StorageSnapshot { SegmentsSealed = 0, BytesWritten = 0, WriteErrors = 0, Engine = "none", Direct = false, FreeBytes = 0, RecentlySealed = [] },
        });
    }
}
