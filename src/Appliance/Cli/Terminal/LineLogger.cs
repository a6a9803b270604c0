// SPDX-FileCopyrightText: 2026 The capbox authors
// SPDX-License-Identifier: Apache-2.0

using Microsoft.Extensions.Logging;

namespace Capbox.Cli;

/// <summary>
/// Log lines on standard error, one per event. Under systemd (JOURNAL_STREAM) each line begins with its priority, sd-daemon(3), and the
/// journal keeps the time; elsewhere the line has level and UTC time.
/// </summary>
internal sealed class LineLoggerProvider(StatusScreen screen) : ILoggerProvider
{
    private readonly bool _isJournal = Environment.GetEnvironmentVariable("JOURNAL_STREAM") is not null && !screen.IsTerminal;

    public ILogger CreateLogger(string categoryName) => new LineLogger(screen, _isJournal);

    public void Dispose()
    {
    }

    private sealed class LineLogger(StatusScreen screen, bool isJournal) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel is >= LogLevel.Information and not LogLevel.None;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            string text = formatter(state, exception).ReplaceLineEndings(" ");
            if (exception is not null)
                text += $": {exception.Message.ReplaceLineEndings(" ")}";
            (int priority, string level) = logLevel switch
            {
                LogLevel.Critical => (2, "critical"),
                LogLevel.Error => (3, "error"),
                LogLevel.Warning => (4, "warning"),
                _ => (6, "info"),
            };
            screen.Line(isJournal ? $"<{priority}>{text}" : $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {level}: {text}");
        }
    }
}
